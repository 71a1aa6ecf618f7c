"""Job types that another package brings: one that talks, one that always fails, one whose effects can be counted."""

import asyncio
import os
import time
from pathlib import Path

import httpx
from pydantic import Field

from stepmill.engine import EnvParams, JobType, Output, Reporter, Step, StepContext
from stepmill.errors import UnavailableError


class Talking(EnvParams):
    """How much is said."""

    lines: int = Field(description="Lines of the log.")
    pause_seconds: float = Field(default=0.0, description="Between two of them.")


async def talk(ctx: StepContext[Talking]) -> Output:
    """Write the lines.

    Each by the clock and not so long after the last: jobs that were held up together would go on together for good. A
    timer may come a little early.
    """
    began, pause = time.monotonic(), ctx.params.pause_seconds
    for number in range(ctx.params.lines):
        ctx.log("info", f"Line {number}.", number=number, sent=time.time())
        ctx.progress(number + 1, ctx.params.lines, "lines")
        rest = pause - (time.monotonic() - began) % pause if pause else 0.0
        await asyncio.sleep(rest if rest > pause / 2 else rest + pause)
    return Output()


async def fail(ctx: StepContext[EnvParams]) -> Output:
    """Say that it may go well another time."""
    raise UnavailableError("out_to_lunch", "The other side is out to lunch.")


class Working(EnvParams):
    """How long each step takes."""

    seconds: float = Field(description="Of each step.")


def burn(report: Reporter, seconds: float) -> None:
    """Compute for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        report.progress(time.monotonic(), until, "seconds")
        time.sleep(0.02)


class Endless(EnvParams):
    """What is waited for without end."""

    url: str = Field(default="", description="Of a server that never ends its answer.")
    pid_file: str = Field(default="", description="Where a computing process writes its id.")


async def ask(ctx: StepContext[Endless]) -> Output:
    """Run a statement that computes for hours."""
    async with ctx.transaction() as tx:
        await tx.conn.execute("SELECT count(*) FROM (SELECT generate_series(1, 100000000000)) AS s")
        return await ctx.finish(tx, Output())


async def fetch(ctx: StepContext[Endless]) -> Output:
    """Read an answer that goes on and on."""
    async with (
        httpx.AsyncClient(timeout=None, trust_env=False) as client,
        client.stream("GET", ctx.params.url) as answer,
    ):
        async for _ in answer.aiter_bytes():
            pass
    return Output()


def burn_for_ever(report: Reporter, pid_file: str) -> None:
    """Compute, and never look up."""
    Path(pid_file).write_text(str(os.getpid()))
    number = 1
    while True:
        number = number * 3 % 1_000_003


async def burn_in_child(ctx: StepContext[Endless]) -> Output:
    """Compute without end."""
    await ctx.compute(burn_for_ever, ctx.params.pid_file)
    return Output()


async def act(ctx: StepContext[Working]) -> Output:
    """Leave a row of a table that the test made, in the commit that says DONE."""
    async with ctx.transaction() as tx:
        await tx.conn.execute("INSERT INTO bars_effects VALUES (%s, %s, %s)", (ctx.job_id, ctx.step_name, ctx.attempt))
        await asyncio.sleep(ctx.params.seconds)
        return await ctx.finish(tx, Output())


async def compute(ctx: StepContext[Working]) -> Output:
    """Compute, then leave a row."""
    await ctx.compute(burn, ctx.params.seconds)
    async with ctx.transaction() as tx:
        await tx.conn.execute("INSERT INTO bars_effects VALUES (%s, %s, %s)", (ctx.job_id, ctx.step_name, ctx.attempt))
        return await ctx.finish(tx, Output())


WORK = JobType(
    name="BARS_WORK",
    description="Leaves a row in each step.",
    params=Working,
    steps=(Step("First", act), Step("Second", compute), Step("Third", act), Step("Tidy", act, always=True)),
)
TALK = JobType(name="BARS_TALK", description="Talks.", params=Talking, steps=(Step("Talk", talk),))
ASK = JobType(name="BARS_ASK", description="Waits for SQL.", params=Endless, steps=(Step("Ask", ask),))
FETCH = JobType(name="BARS_FETCH", description="Waits for HTTP.", params=Endless, steps=(Step("Fetch", fetch),))
COMPUTE = JobType(
    name="BARS_COMPUTE", description="Computes for ever.", params=Endless, steps=(Step("Compute", burn_in_child),)
)
FAIL = JobType(name="BARS_FAIL", description="Fails.", params=EnvParams, steps=(Step("Fail", fail),))
