"""`stepmill demo`: a sample file into a server of its own, with everything that happens shown."""

import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from stepmill import samples
from stepmill.cli.exit_codes import exit_code_of_job
from stepmill.cli.failures import command
from stepmill.cli.load import table_name
from stepmill.cli.loading import Loaded, Loader
from stepmill.cli.options import DataDirOption, settings_of
from stepmill.cli.output import bytes_text, duration_text, out, seconds_between
from stepmill.cli.own_server import Started, started_server
from stepmill.cli.show_job import show_accounting, show_error
from stepmill.cli.show_table import show_plan, show_rows
from stepmill.client import Client
from stepmill.settings import default_data_dir

FIRST_ROWS = 5

app = typer.Typer(add_completion=False)


@app.command()
@command
def demo(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", exists=True, dir_okay=False, help="A file instead of the sample.")
    ] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Load a sample file and show its steps, its plan, what became of each row, and the table.

    The server has a data folder of its own. In a terminal it stays up until Ctrl-C; otherwise it ends with the demo.
    """
    settings = settings_of(data_dir=data_dir or default_data_dir().with_name("stepmill-demo"))
    console = out()
    console.print("[bold]Starting Stepmill[/] with an embedded PostgreSQL …")
    with started_server(settings.data_dir, port=_port(settings.port)) as server, server.connect() as client:
        console.print(f"Ready at {server.url}, its data in {escape(str(settings.data_dir))}\n")
        loader = Loader(client, settings.environment, None, (), allow_small=True, as_json=False, console=console)
        loaded = _load(console, loader, file or samples.airports())
        if loaded.job["status"] == "DONE":
            _show_outcome(console, client, settings.environment, loaded)
        _stay(console, server)
    raise typer.Exit(exit_code_of_job(loaded.job["status"]))


def _load(console: Console, loader: Loader, file: Path) -> Loaded:
    console.print(f"[bold]Loading[/] {file.name} ({bytes_text(file.stat().st_size)}) as a FILE_ETL job")
    loaded = loader.load(file, table_name(file))
    job = loaded.job
    took = duration_text(seconds_between(job["createdAt"], job["finishedAt"]))
    console.print(f"{job['status']} after {took}\n")
    if job["error"]:
        show_error(console, dict(job["error"]))
    return loaded


def _show_outcome(console: Console, client: Client, env_id: str, loaded: Loaded) -> None:
    result: dict[str, Any] = loaded.job["result"] or {}
    plan = client.get_plan(env_id, loaded.uploaded["areaId"])
    console.print(f"[bold]The plan[/] that the rules made from the data (version {result['planVersion']})")
    show_plan(console, plan)
    console.print("\n[bold]Every row accounted for[/]")
    show_accounting(console, result)
    console.print(f"\n[bold]The first rows[/] of the table {escape(result['logicalName'])}")
    show_rows(console, client.list_rows(env_id, result["physId"], limit=FIRST_ROWS)["items"])


def _stay(console: Console, server: Started) -> None:
    console.print(f"\n[bold]The console[/] is at {server.url}. This link signs you in, once:")
    console.print(f"  [cyan]{server.link}[/]", soft_wrap=True)
    if sys.stdout.isatty():
        console.print("[dim]Stop: Ctrl-C[/]")
        with suppress(KeyboardInterrupt):
            server.process.wait()


def _port(wanted: int) -> int:
    """The usual port, or any if that one is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted
