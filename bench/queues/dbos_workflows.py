"""DBOS Transact: a workflow with three steps, each of which it checkpoints.

``bench/peer_figures.py`` finds out what suits it best on this machine and sets the two variables.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from dbos import DBOS, DBOSClient, DBOSConfig
from sqlalchemy import create_engine

from bench.queues import steps

#: It runs plain functions in threads and coroutines in an event loop; which is faster depends on the machine.
_WORKFLOW = os.environ.get("BENCH_DBOS_WORKFLOW", "threads")
#: How often it looks for work, of which nothing notifies it. The default is its own.
_POLL_SECONDS = float(os.environ.get("BENCH_DBOS_POLL_SECONDS", "1.0"))


@DBOS.step()
def _first(number: int) -> None:
    steps.tell("first", number)


@DBOS.step()
def _second(number: int) -> None:
    steps.tell("second", number)
    if number >= steps.HANGING:
        threading.Event().wait()


@DBOS.step()
def _third(number: int) -> None:
    steps.tell("third", number)


@DBOS.workflow(name="threads")
def _threads(number: int) -> None:
    _first(number)
    _second(number)
    _third(number)


_awaited = [DBOS.step()(step) for step in steps.STEPS]


@DBOS.workflow(name="coroutines")
async def _coroutines(number: int) -> None:
    for step in _awaited:
        await step(number)


async def prepare(url: str) -> None:
    """A launch makes its tables."""
    await asyncio.to_thread(_launch, url, 1)
    await asyncio.to_thread(DBOS.destroy)


async def work(url: str, concurrency: int, ready: Callable[[], None]) -> None:
    """One process that runs the queue's workflows."""
    await asyncio.to_thread(_launch, url, concurrency)
    ready()
    await asyncio.Event().wait()


class _Submitter:
    def __init__(self, url: str) -> None:
        self._client = DBOSClient(system_database_url=url, application_name="bench")
        self._engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))

    async def one(self, number: int) -> None:
        self._client.enqueue({"workflow_name": _WORKFLOW, "queue_name": steps.QUEUE}, number)

    async def many(self, numbers: Sequence[int]) -> None:
        with self._engine.begin() as conn:
            for number in numbers:
                self._client.enqueue_in_transaction(
                    conn, {"workflow_name": _WORKFLOW, "queue_name": steps.QUEUE}, number
                )


@asynccontextmanager
async def submitter(url: str) -> AsyncIterator[_Submitter]:
    """By its client. It has no batch; many are one transaction."""
    yield _Submitter(url)


def _launch(url: str, concurrency: int) -> None:
    config: DBOSConfig = {"name": "bench", "system_database_url": url, "log_level": "WARNING"}
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(
        steps.QUEUE, worker_concurrency=concurrency, polling_interval_sec=_POLL_SECONDS, on_conflict="always_update"
    )
