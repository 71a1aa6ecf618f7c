"""A worker of the engine's tests as a process of its own: ``python -m tests.engine.worker_process URL FOLDER ID``."""

import asyncio
import signal
import sys
from pathlib import Path

from stepmill.gateways.sql.database import Database
from tests.engine import effects
from tests.support.engine import Bench


async def main(url: str, folder: str, worker_id: str) -> None:
    """Work until SIGTERM."""
    told_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_stop.set)
    async with Database(url, application_name="tests") as database:
        bench = Bench(database, Path(folder), (effects.EFFECTS,))
        bench.engine.notifier.start()
        async with bench.worker(worker_id):
            await told_to_stop.wait()
        await bench.engine.notifier.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
