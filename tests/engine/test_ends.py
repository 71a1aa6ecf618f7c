"""How steps end that go on after they should have ended."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

from stepmill.engine import JobType, Output, Step, StepContext, step_end
from stepmill.engine.backends import end_backends
from stepmill.engine.ids import new_id
from stepmill.errors import UnavailableError
from stepmill.gateways.sql import database
from tests.engine.job_types import Params, release
from tests.support.engine import Bench

AT_WORK: set[str] = set()


def register(bench: Bench, *steps: Step) -> None:
    bench.engine.registry._by_name["ENDS"] = JobType("ENDS", "Made for one test.", Params, steps)


async def started(bench: Bench, **options: Any) -> str:
    """A job whose step is at work."""
    job_id: str = (await bench.submit("ENDS", **options))["jobId"]
    while job_id not in AT_WORK:
        await asyncio.sleep(0.01)
    return job_id


async def finishes(ctx: StepContext[Params]) -> Output:
    async with ctx.transaction("stepmill_engine") as tx:
        await ctx.finish(tx, Output())
    if ctx.params.fail == "time runs out":
        await asyncio.Event().wait()
    try:
        async with ctx.transaction("stepmill_engine") as tx:
            await tx.conn.execute("SELECT 1 / 0")
    except psycopg.Error:
        if ctx.params.fail != "error is passed over":
            raise
    return Output()


@pytest.mark.parametrize("then", ["time runs out", "error", "error is passed over"])
async def test_a_step_is_done_once_that_is_committed(bench: Bench, then: str) -> None:
    register(bench, Step("First", finishes, timeout_seconds=0.3), Step("Release", release, always=True))
    job = await bench.submit("ENDS", params={"fail": then})
    async with bench.worker():
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    assert await bench.rows("SELECT attempt, losses FROM jobs") == [{"attempt": 1, "losses": 0}]
    assert [row["status"] for row in await bench.rows("SELECT status FROM job_steps ORDER BY idx")] == ["DONE"] * 2


@pytest.mark.parametrize("is_last", [False, True])
async def test_a_step_whose_time_runs_out_at_its_commit_is_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, is_last: bool
) -> None:
    held: list[Any] = []

    async def finishes_at_last(ctx: StepContext[Params]) -> Output:
        async with ctx.transaction("stepmill_engine") as tx:
            output: Output = await ctx.finish(tx, Output())
            held.append(tx.conn)
            return output

    give_back = database._give_back

    async def slowly(pool: Any, conn: Any) -> None:
        try:
            if conn in held:
                held.clear()
                await asyncio.Event().wait()
        finally:
            await give_back(pool, conn)

    monkeypatch.setattr(database, "_give_back", slowly)
    first = Step("First", finishes_at_last, timeout_seconds=0.3)
    register(bench, first, *(() if is_last else (Step("Release", release),)))
    job = await bench.submit("ENDS")
    async with bench.worker():
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    assert held == []
    assert await bench.rows("SELECT outcome FROM job_attempts") == [{"outcome": "done"}]


async def stops_slowly(ctx: StepContext[Params]) -> Output:
    AT_WORK.add(ctx.job_id)
    try:
        await asyncio.Event().wait()
    finally:
        try:
            await asyncio.sleep(0.5)  # a request that is being ended
        finally:
            AT_WORK.discard(ctx.job_id)
    return Output()


async def test_a_job_is_cancelled_when_its_step_is_over_though_the_database_was_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    async def away(ours: Any, name: str) -> None:
        tried.append(name)
        if len(tried) == 1:
            raise UnavailableError("database_unavailable", "The database does not answer.")
        await end_backends(bench.database, name)

    monkeypatch.setattr(step_end, "end_backends", away)
    register(bench, Step("First", stops_slowly))
    async with bench.worker():
        job_id = await started(bench)
        await bench.rows("SELECT cancel_v1(%s)", job_id)
        ended = await bench.follow(job_id)
        assert (ended["status"], job_id in AT_WORK) == ("CANCELLED", False)
    assert len(tried) > 1


async def loses_a_cancellation(ctx: StepContext[Params]) -> Output:
    AT_WORK.add(ctx.job_id)
    try:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()
    finally:
        AT_WORK.discard(ctx.job_id)
    return Output()


async def test_a_cancellation_that_a_library_lost_is_sent_again(bench: Bench) -> None:
    register(bench, Step("First", loses_a_cancellation))
    async with bench.worker() as worker:
        job_id = await started(bench)
        await bench.rows("SELECT cancel_v1(%s)", job_id)
        ended = await bench.follow(job_id)
        assert (ended["status"], job_id in AT_WORK) == ("CANCELLED", False)
        while worker._runner.running:
            await asyncio.sleep(0.01)


async def test_a_time_limit_holds_though_a_cancellation_was_lost(bench: Bench) -> None:
    register(bench, Step("First", loses_a_cancellation, timeout_seconds=0.2))
    job = await bench.submit("ENDS", maxAttempts=1)
    async with bench.worker():
        assert (await bench.follow(job["jobId"]))["error"]["code"] == "timeout"


async def test_no_thread_of_a_cancelled_job_reads_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[IO[bytes]] = []
    open_file = bench.gateways.blobs._fs.open

    def remembered(*args: Any, **options: Any) -> Any:
        opened.append(open_file(*args, **options))
        return opened[-1]

    async def reads(ctx: StepContext[Params]) -> Output:
        path = Path(ctx.artifacts.location("endless").url.removeprefix("file://"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to("/dev/zero")
        AT_WORK.add(ctx.job_id)
        await ctx.artifacts.get("endless")
        return Output()

    monkeypatch.setattr(bench.gateways.blobs._fs, "open", remembered)
    register(bench, Step("First", reads))
    async with bench.worker():
        job_id = await started(bench)
        await bench.rows("SELECT cancel_v1(%s)", job_id)
        assert (await bench.follow(job_id))["status"] == "CANCELLED"
    assert [file.closed for file in opened] == [True]


async def test_a_session_of_another_login_by_an_attempts_name_is_left_alone(
    bench: Bench, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    """Anybody may give a session any name: it keeps nobody from ending the job's own."""
    name = f"stepmill:{new_id('job')}:1"
    superuser.execute("SELECT set_config('application_name', %s, false)", (name,))
    async with await bench.database.connect(application_name=name, role="stepmill_engine") as own:
        await end_backends(bench.database, name, "stepmill:none:1")
        with pytest.raises(psycopg.OperationalError):
            await own.execute("SELECT 1")
    assert superuser.execute("SELECT 1").fetchone() == (1,)


async def exits(ctx: StepContext[Params]) -> Output:
    sys.exit(3)


async def test_a_step_that_exits_ends_its_job_and_no_other(bench: Bench) -> None:
    register(bench, Step("First", exits))
    async with bench.worker():
        ended = await bench.follow((await bench.submit("ENDS"))["jobId"])
        assert (ended["status"], ended["error"]["code"]) == ("ERROR", "internal_error")
        assert (await bench.follow((await bench.submit("PLAIN"))["jobId"]))["status"] == "DONE"
