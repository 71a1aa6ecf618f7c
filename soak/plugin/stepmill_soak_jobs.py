"""Job types whose effects can be counted: each step leaves one row in ``soak.effects``, in the commit that says DONE.

What the row says follows from the job's seed, so that a checker can work it out by itself.
"""

import asyncio
import hashlib
import random
import time
from typing import Any

from pydantic import Field

from stepmill.engine import EnvParams, JobType, Output, Reporter, Step, StepContext
from stepmill.errors import StepmillError, UnavailableError

_CLOCK = "SELECT clock_timestamp() AS now"
_EFFECT = """
INSERT INTO soak.effects (job_id, step, attempt, pid, began, ended, value)
VALUES (%s, %s, %s, pg_backend_pid(), %s, clock_timestamp(), %s)
"""
_chance = random.SystemRandom()


class SoakParams(EnvParams):
    """What a job is told."""

    seed: int = Field(ge=0, description="What its values follow from.")
    key: str = Field(default="", description="The lock or the document it needs.")
    size: int = Field(default=0, ge=0, description="Bytes, rounds or milliseconds of work.")


class Value(Output):
    """What a step worked out."""

    value: str


Context = StepContext[SoakParams]


async def leave(ctx: Context, value: object, *, pause: float = 0.1, statement: str | None = None) -> Value:
    """Take a moment, leave the row, and be DONE: one commit."""
    async with ctx.transaction() as tx:
        began = await (await tx.conn.execute(_CLOCK)).fetchone()
        if statement is not None:
            await tx.conn.execute(statement.encode())
        await asyncio.sleep(_chance.random() * pause)
        values = (ctx.job_id, ctx.step_name, ctx.attempt, began["now"] if began else None, str(value))
        await tx.conn.execute(_EFFECT, values)
        await asyncio.sleep(_chance.random() * pause)
        return await ctx.finish(tx, Value(value=str(value)))


async def one(ctx: Context) -> Value:
    """The seed and one."""
    return await leave(ctx, ctx.params.seed + 1)


async def two(ctx: Context) -> Value:
    """Twice what the first step left."""
    return await leave(ctx, int(ctx.output_of(one).value) * 2)


async def three(ctx: Context) -> Value:
    """What the second left, and the seed."""
    return await leave(ctx, int(ctx.output_of(two).value) + ctx.params.seed)


async def hold(ctx: Context) -> Value:
    """Do something that no other job may do meanwhile."""
    return await leave(ctx, ctx.params.key, pause=0.3)


async def plain(ctx: Context) -> Value:
    """Do something."""
    return await leave(ctx, ctx.params.seed)


async def work(ctx: Context) -> Value:
    """Fail for good now and then."""
    ctx.progress(1, 2)
    if _chance.random() < 0.25:
        raise StepmillError("soak_dice", "The dice fell badly.")
    ctx.log("info", "The dice fell well.")
    return await leave(ctx, ctx.params.seed)


async def flaky(ctx: Context) -> Value:
    """Fail in a way that may go well another time: before the effect, or in the middle of it."""
    if _chance.random() < 0.3:
        raise UnavailableError("soak_away", "The other side is away.")
    async with ctx.transaction() as tx:
        await tx.conn.execute(_EFFECT, (ctx.job_id, ctx.step_name, ctx.attempt, None, str(ctx.params.seed)))
        if _chance.random() < 0.3:
            raise UnavailableError("soak_gone", "The other side went away.")
        return await ctx.finish(tx, Value(value=str(ctx.params.seed)))


async def slow(ctx: Context) -> Value:
    """A statement that takes its time."""
    return await leave(ctx, ctx.params.seed, statement=f"SELECT pg_sleep({ctx.params.size / 1000})")


def digest(reporter: Reporter, seed: int, rounds: int) -> str:
    """Hash over and over. Runs in a child process."""
    value = str(seed).encode()
    began = time.monotonic()
    for number in range(rounds):
        value = hashlib.sha256(value).digest()
        if number % 10_000 == 0:
            reporter.progress(number, rounds, unit="rounds")
    reporter.log("info", "Hashed.", seconds=round(time.monotonic() - began, 3))
    return value.hex()


async def compute(ctx: Context) -> Value:
    """Leave what a child process worked out."""
    return await leave(ctx, await ctx.compute(digest, ctx.params.seed, ctx.params.size))


def data_of(seed: int, size: int) -> bytes:
    """Bytes that follow from the seed."""
    block = hashlib.sha256(str(seed).encode()).digest()
    return block * (size // len(block))


async def write(ctx: Context) -> Value:
    """Leave an artifact for the next step."""
    await ctx.artifacts.put("data", data_of(ctx.params.seed, ctx.params.size))
    return await leave(ctx, ctx.params.size)


async def read(ctx: Context) -> Value:
    """Leave the digest of what the step before wrote."""
    return await leave(ctx, hashlib.sha256(await ctx.artifacts.get("data")).hexdigest())


def _type(name: str, description: str, *steps: Step, **more: Any) -> JobType:
    return JobType(name=name, description=description, params=SoakParams, steps=steps, max_attempts=1000, **more)


_SPAN = (Step("Before", plain), Step("Hold", hold), Step("Hold on", hold), Step("After", plain))

STEPS = _type("SOAK_STEPS", "Three steps.", Step("One", one), Step("Two", two), Step("Three", three))
LOCK = _type("SOAK_LOCK", "Needs a lock.", *_SPAN, lock=lambda params: params.key, lock_span=("Hold", "Hold on"))
DOCUMENT = _type(
    "SOAK_DOCUMENT",
    "Needs a lock document.",
    Step("Hold", hold),
    lock_document=lambda params: ("soakLocks", params.key),
)
ALWAYS = _type("SOAK_ALWAYS", "Cleans up.", Step("Work", work), Step("Clean", plain, always=True))
COMPUTE = _type("SOAK_COMPUTE", "Computes.", Step("Compute", compute), Step("After", plain))
ARTIFACT = _type("SOAK_ARTIFACT", "Keeps data between its steps.", Step("Write", write), Step("Read", read))
FLAKY = _type("SOAK_FLAKY", "Fails often.", Step("Try", flaky), Step("Try again", flaky))
SLOW = _type("SOAK_SLOW", "Waits in SQL.", Step("Wait", slow), Step("After", plain))
