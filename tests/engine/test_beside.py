"""What a worker does beside its jobs goes on, whatever befalls it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stepmill.engine import housekeeping, notify
from stepmill.engine.compute import ComputePool
from stepmill.engine.housekeeping import Housekeeper
from stepmill.engine.notify import Notifier
from stepmill.engine.reporting import StepReport
from stepmill.engine.sweep import Sweeper
from stepmill.engine.worker import Worker
from stepmill.errors import UnavailableError
from tests.support.engine import Bench


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("_FIRST_SECONDS", "_EVERY_SECONDS"):
        monkeypatch.setattr(housekeeping, pause, 0.01)


async def test_the_dead_are_found_while_house_is_kept(bench: Bench, at_once: None) -> None:
    keeping = asyncio.Event()

    async def prune_for_long() -> None:
        keeping.set()
        await asyncio.Event().wait()

    job = await bench.submit("PLAIN")
    both = (Housekeeper(bench.engine, [prune_for_long]), Sweeper(bench.engine))
    tasks = [asyncio.create_task(each.run()) for each in both]
    await keeping.wait()
    await bench.rows("SELECT begin_attempt_v1(%s, 'dead-worker')", job["jobId"])
    await bench.until("SELECT FROM stepmill.job_attempts WHERE outcome = 'crashed'")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_an_error_of_a_storage_library_does_not_end_the_housekeeping(bench: Bench, at_once: None) -> None:
    rounds = asyncio.Queue[None]()

    class EndpointConnectionError(Exception):
        """As botocore has it, which is no OSError."""

    async def fails() -> None:
        rounds.put_nowait(None)
        raise EndpointConnectionError

    keeping = asyncio.create_task(Housekeeper(bench.engine, [fails]).run())
    for _ in range(3):
        await asyncio.wait_for(rounds.get(), 20)
    keeping.cancel()
    await asyncio.wait({keeping})


async def test_a_worker_ends_with_a_part_that_ends(bench: Bench) -> None:
    async def breaks() -> None:
        raise LookupError("a fault of ours")

    pool = ComputePool(keep=0, memory_bytes=bench.settings.compute_memory_bytes, at_once=1, warm_modules=())
    worker = Worker(bench.engine, bench.gateways, pool, [breaks], worker_id="worker-1")
    with pytest.raises(LookupError):
        await asyncio.wait_for(worker.run(), 20)


async def test_news_are_sent_though_the_database_was_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0
    autocommit = bench.database.autocommit

    @asynccontextmanager
    async def away_at_first() -> AsyncIterator[Any]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise UnavailableError("database_unavailable", "The database does not answer.")
        async with autocommit() as conn:
            yield conn

    monkeypatch.setattr(notify, "_AGAIN_SECONDS", 0.01)
    async with await bench.database.connect(application_name="listens", role=None) as listener:
        await listener.execute(f"LISTEN {notify.EVENTS_CHANNEL}")
        monkeypatch.setattr(bench.database, "autocommit", away_at_first)
        notifier = Notifier(bench.database)
        notifier.start()
        notifier.touch("job_1")
        async with asyncio.timeout(20):
            heard = [note.payload async for note in listener.notifies(stop_after=1)]
        await notifier.stop()
    assert (heard, tries) == (['["job_1"]'], 2)


async def test_lines_that_wait_are_no_more_however_long_the_database_is_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = StepReport(bench.engine, "job_1", 1, 0, "One")
    sizes: list[int] = []
    enough = asyncio.Event()

    async def away(events: list[dict[str, Any]]) -> None:
        sizes.append(len(events))
        for _ in range(2_000):
            report.log("info", "a line")
        if len(sizes) == 5:
            enough.set()
        raise UnavailableError("database_unavailable", "The database does not answer.")

    monkeypatch.setattr(report, "_send", away)
    monkeypatch.setattr("stepmill.engine.reporting._PROGRESS_SECONDS", 0.01)
    report.log("info", "first")
    await enough.wait()
    assert report._writer is not None
    report._writer.cancel()
    await asyncio.wait({report._writer})
    assert max(sizes) <= 1_001, "a thousand lines, and the one that says how many were left out"


async def test_a_duty_that_fails_keeps_no_other_from_its_turn(bench: Bench, at_once: None) -> None:
    done = asyncio.Event()

    async def fails() -> None:
        raise LookupError

    async def works() -> None:
        done.set()

    keeping = asyncio.create_task(Housekeeper(bench.engine, [fails, works]).run())
    await asyncio.wait_for(done.wait(), 20)
    keeping.cancel()
    await asyncio.wait({keeping})
