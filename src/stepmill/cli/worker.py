"""`stepmill worker`: a worker alone."""

import asyncio
import socket
import uuid
from typing import Annotated

import typer

from stepmill import logs
from stepmill.app import build_worker, open_platform, serve_metrics
from stepmill.cli import event_loop
from stepmill.cli.failures import command
from stepmill.cli.options import DatabaseOption, DataDirOption, JsonOption, settings_of
from stepmill.cli.supervision.database import require_url
from stepmill.cli.supervision.lifeline import die_with_parent
from stepmill.cli.supervision.signals import StopSignals
from stepmill.engine.migrate import require_current
from stepmill.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
@command
def worker(
    database_url: DatabaseOption = None,
    data_dir: DataDirOption = None,
    types: Annotated[
        str | None, typer.Option("--types", help="Job types it runs, by comma.  \\[env: STEPMILL_WORKER_TYPES]")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", min=1, help="Jobs it runs at once.  \\[env: STEPMILL_WORKER_CONCURRENCY]"),
    ] = None,
    worker_id: Annotated[str | None, typer.Option("--worker-id", hidden=True)] = None,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a worker alone. SIGTERM lets running steps finish for a while, then hands their jobs back."""
    if with_parent:
        die_with_parent()
    settings = settings_of(
        database_url=database_url, data_dir=data_dir, worker_types=types, worker_concurrency=concurrency
    )
    logs.configure(settings.log_level, "json" if as_json else settings.log_format)
    event_loop.run(_run(settings, worker_id or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"))


async def _run(settings: Settings, worker_id: str) -> None:
    signals = StopSignals()
    url = require_url(settings)
    await require_current(url)
    async with open_platform(settings, url, name="worker") as platform:
        running = build_worker(platform, worker_id)
        async with serve_metrics(platform):
            work = asyncio.create_task(running.run(), name="stepmill worker")
            asked = asyncio.create_task(signals.asked.wait())
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            running.stop()
            await work
