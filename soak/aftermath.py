"""What is looked at when the faults are over and every job came to rest."""

import asyncio
import time
from collections.abc import Iterator

from soak.checker import Record, check
from soak.deployment import Deployment
from soak.patience import looking
from stepmill.engine.artifacts import remove_spent_artifacts
from stepmill.engine.engine import Engine
from stepmill.engine.notify import Notifier
from stepmill.engine.registry import Registry
from stepmill.gateways.blobs import Blobs
from stepmill.gateways.sql.database import Database
from stepmill.settings import Settings
from stepmill.warehouse.cleanup import drop_leftovers

_SETTLE_SECONDS = 5.0
"""What the last jobs' workers may take to drop tickets and connections after the jobs' end."""


def violations(deployment: Deployment, record: Record) -> Iterator[str]:
    """Everything that is not as promised."""
    time.sleep(_SETTLE_SECONDS)
    asyncio.run(_keep_house(deployment))
    with looking(deployment) as conn:
        yield from check(conn, record, deployment.disk.folder)
    deployment.end_processes()
    for stray in deployment.strays():
        yield f"A process is left: {stray}"
    time.sleep(1)
    with looking(deployment) as conn:
        for name, query in conn.execute(
            "SELECT application_name, query FROM pg_stat_activity WHERE application_name LIKE 'stepmill:%'"
        ).fetchall():
            yield f"A connection is left: {name} {query}"


async def _keep_house(deployment: Deployment) -> None:
    """What a worker does once a minute, and what it does with what is a day old."""
    async with Database(deployment.postgres.url, application_name="soak") as database:
        engine = Engine(database, Registry([]), Notifier(database), Settings(data_dir=deployment.folder))
        blobs = Blobs(deployment.disk.folder)
        await remove_spent_artifacts(engine, blobs)
        await blobs.remove_unfinished(0)
        await drop_leftovers(database)
