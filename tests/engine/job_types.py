"""Small job types that show one thing each."""

import asyncio
import os
import time
from typing import Any

from stepmill.engine import EnvParams, JobType, Output, Reporter, Step, StepContext
from stepmill.errors import DataError, UnavailableError


class Params(EnvParams):
    key: str = "k"
    on_busy: str = "wait"
    fail: str | None = None
    release: str | None = None


class Numbered(Output):
    number: int


GATES: dict[str, asyncio.Event] = {}
CALLS: list[str] = []


def gate(name: str) -> asyncio.Event:
    return GATES.setdefault(name, asyncio.Event())


async def one(ctx: StepContext[Params]) -> Numbered:
    CALLS.append(f"{ctx.job_id}/one")
    ctx.log("info", "first\x00", detail=float("nan"))
    ctx.progress(1, 2, "rows", "half")
    return Numbered(number=1)


async def two(ctx: StepContext[Params]) -> Numbered:
    CALLS.append(f"{ctx.job_id}/two")
    if ctx.params.fail == "once" and ctx.attempt == 1:
        raise UnavailableError("flaky", "It did not answer.")
    if ctx.params.fail == "always":
        raise DataError("broken", "It can't work.")
    if ctx.params.fail == "unexpected":
        raise RuntimeError("password=hunter2")
    if ctx.params.fail == "unstorable":
        raise DataError("broken", "It \x00 can't \udcff work.", details={"share": float("nan")})
    return Numbered(number=ctx.output_of(one).number + 1)


async def wait_at_gate(ctx: StepContext[Params]) -> Output:
    CALLS.append(f"{ctx.job_id}/wait")
    ctx.log("info", "at the gate")
    await gate(ctx.params.key).wait()
    return Output()


async def release(ctx: StepContext[Params]) -> Output:
    CALLS.append(f"{ctx.job_id}/release")
    if ctx.params.release == "fails":
        raise DataError("release_failed", "The lock can't be released.")
    if ctx.params.release == "waits":
        await gate(f"{ctx.params.key}/release").wait()
    return Output()


async def release_again(ctx: StepContext[Params]) -> Output:
    CALLS.append(f"{ctx.job_id}/release again")
    return Output()


async def fail(ctx: StepContext[Params]) -> Output:
    if ctx.params.fail == "broken":
        raise DataError("broken", "It can't work.")
    if ctx.params.fail == "flaky":
        raise UnavailableError("flaky", "It did not answer.")
    if ctx.params.fail == "unexpected":
        raise RuntimeError("password=hunter2")
    if ctx.params.fail == "refused":
        async with ctx.transaction("stepmill_engine") as tx:
            await tx.conn.execute("SELECT %s::text::integer", ("password=hunter2",))
    await gate(ctx.params.key).wait()
    return Output()


async def sleep_in_database(ctx: StepContext[Params]) -> Output:
    if ctx.params.fail == "first" and ctx.attempt > 1:
        return Output()
    async with ctx.transaction("stepmill_engine") as tx:
        await tx.conn.execute("SELECT pg_sleep(60)")
    return Output()


async def talk(ctx: StepContext[Params]) -> Output:
    if ctx.params.key == "lines":
        for number in range(1500):
            ctx.log("info", f"line {number}")
    if ctx.params.key == "unstorable":
        for message in ("before", "name \udcff", "after"):
            ctx.log("in\x00fo", message)
        ctx.progress(float("nan"), float("inf"), "ro\x00ws", "\udcff")
        return Output()
    for number in range(501):
        ctx.progress(number, 500)
        if number % 100 == 0:
            await asyncio.sleep(0.1)  # so short a step that it has no progress to tell is another test's
    return Output()


def burn(report: Reporter, seconds: float) -> dict[str, Any]:
    """Compute for a while, reporting."""
    report.log("info", "computes", pid=os.getpid())
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        report.progress(time.monotonic() - began, seconds, "seconds")
        time.sleep(0.01)
    return {"burned": seconds}


def break_it(report: Reporter) -> None:
    """Fail as a pipeline does."""
    raise DataError("bad_row", "Row 7 is bad.", details={"line": 7})


def trip(report: Reporter) -> None:
    """Fail as nobody foresaw."""
    raise RuntimeError("password=hunter2")


async def compute(ctx: StepContext[Params]) -> Output:
    if ctx.params.fail == "always":
        await ctx.compute(break_it)
    if ctx.params.fail == "unexpected":
        await ctx.compute(trip)
    await ctx.compute(burn, 60.0 if ctx.params.fail == "long" else 0.05)
    return Output()


PLAIN = JobType("PLAIN", "Two steps.", Params, (Step("One", one), Step("Two", two)))
WITH_RELEASE = JobType(
    "WITH_RELEASE",
    "Waits at a gate; always releases.",
    Params,
    (Step("One", one), Step("Wait", wait_at_gate), Step("Release", release, always=True)),
)
FAILS_THEN_RELEASES = JobType(
    "FAILS_THEN_RELEASES",
    "Its first step fails; always releases.",
    Params,
    (Step("Fail", fail), Step("After", one), Step("Release", release, always=True)),
)
RELEASES_BETWEEN = JobType(
    "RELEASES_BETWEEN",
    "Always releases, twice, with a step between.",
    Params,
    (
        Step("One", one),
        Step("Release", release, always=True),
        Step("Two", two),
        Step("Release again", release_again, always=True),
    ),
)
LOCKED = JobType(
    "LOCKED", "One at a time.", Params, (Step("Wait", wait_at_gate),), lock=lambda params: f"lock/{params.key}"
)
LOCKED_LATE = JobType(
    "LOCKED_LATE",
    "The lock spans the second step.",
    Params,
    (Step("One", one), Step("Wait", wait_at_gate)),
    lock=lambda params: f"lock/{params.key}",
    lock_span=("Wait", "Wait"),
)
SLOW_SQL = JobType(
    "SLOW_SQL", "Sleeps in the database.", Params, (Step("Sleep", sleep_in_database, timeout_seconds=None),)
)
COMPUTE = JobType("COMPUTE", "Computes in a child process.", Params, (Step("Compute", compute),))
TIMED = JobType("TIMED", "A step that runs out of time.", Params, (Step("Wait", wait_at_gate, timeout_seconds=0.2),))
TALKATIVE = JobType("TALKATIVE", "Reports far too much.", Params, (Step("Talk", talk),))
UNSERVED = JobType("UNSERVED", "No worker runs it.", Params, (Step("One", one),))

WITH_DOCUMENT = JobType(
    "WITH_DOCUMENT",
    "Locks a document that other programs share.",
    Params,
    (Step("One", one), Step("Wait", wait_at_gate)),
    lock_span=("Wait", "Wait"),
    lock_document=lambda params: ("locks", params.key),
)

DOCUMENT_RELEASES = JobType(
    "DOCUMENT_RELEASES",
    "Locks a document for all of its steps; always releases.",
    Params,
    (Step("One", one), Step("Release", release, always=True)),
    lock_document=lambda params: ("locks", params.key),
)

ALL = (
    DOCUMENT_RELEASES,
    WITH_DOCUMENT,
    PLAIN,
    WITH_RELEASE,
    FAILS_THEN_RELEASES,
    RELEASES_BETWEEN,
    LOCKED,
    LOCKED_LATE,
    SLOW_SQL,
    COMPUTE,
    TIMED,
    TALKATIVE,
    UNSERVED,
)
