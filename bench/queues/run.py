"""``python -m bench.queues.run QUEUE prepare|work|submit URL …``: one process of one queue.

``work`` says ``ready`` and then what its jobs reach; it ends by being killed. ``submit`` reads orders from its standard
input, one JSON array per line, and answers each: ``["single", first, count]``, ``["batch", first, count]`` and
``["paced", first, count, per_second]``, whose jobs come at random moments, as they do when nobody agrees on them.
"""

import asyncio
import importlib
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bench.queues.steps import tell


class Submitter(Protocol):
    """Puts jobs into the queue. When a call returns, they are committed."""

    async def one(self, number: int) -> None:
        """One job."""

    async def many(self, numbers: Sequence[int]) -> None:
        """Many at once, by the queue's best way for that."""


class Queue(Protocol):
    """What a module of this package offers.

    One with a ``run_loop`` is run by that instead of ``asyncio.run``; one with a ``work_loop``, its worker alone.
    """

    async def prepare(self, url: str) -> None:
        """Make what the queue needs in an empty database."""

    async def work(self, url: str, concurrency: int, ready: Callable[[], None]) -> None:
        """Run jobs, ``concurrency`` at once, until killed."""

    def submitter(self, url: str) -> AbstractAsyncContextManager[Submitter]:
        """Something to submit with."""


async def _paced(submitter: Submitter, first: int, count: int, per_second: float) -> None:
    """Tell of each job just before it is submitted. A submission that takes long delays the ones after it."""
    moments = random.Random(first)
    due = time.perf_counter()
    for number in range(first, first + count):
        due += moments.expovariate(per_second)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tell("submitted", number)
        await submitter.one(number)


async def _submit(queue: Queue, url: str) -> None:
    async with queue.submitter(url) as submitter:
        tell("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            order, first, count, *more = json.loads(line)
            began = time.perf_counter()
            match order:
                case "single":
                    for number in range(first, first + count):
                        await submitter.one(number)
                case "batch":
                    await submitter.many(range(first, first + count))
                case "paced":
                    await _paced(submitter, first, count, *more)
            tell("took", time.perf_counter() - began)


def main(name: str, what: str, url: str, *more: str) -> None:
    """Do one thing with one queue."""
    queue: Queue = importlib.import_module(f"bench.queues.{name}")
    todo: dict[str, Callable[[], Awaitable[None]]] = {
        "prepare": lambda: queue.prepare(url),
        "submit": lambda: _submit(queue, url),
        "work": lambda: queue.work(url, int(more[0]), lambda: tell("ready")),
    }

    async def run() -> None:
        await todo[what]()

    run_loop = getattr(queue, "run_loop", asyncio.run)
    (getattr(queue, "work_loop", run_loop) if what == "work" else run_loop)(run())


if __name__ == "__main__":
    main(*sys.argv[1:])
