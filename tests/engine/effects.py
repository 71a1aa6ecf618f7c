"""A job type whose effects are rows of a table, and which is held and let go by rows of another: for real processes."""

import asyncio

import psycopg

from stepmill.engine import EnvParams, JobType, Output, Step, StepContext
from tests.support.database import DatabaseServer

_TABLES = """
CREATE TABLE stepmill.test_effects (job_id text NOT NULL, what text NOT NULL, attempt integer NOT NULL);
CREATE TABLE stepmill.test_gates (name text PRIMARY KEY);
GRANT SELECT, INSERT ON stepmill.test_effects, stepmill.test_gates TO stepmill_engine, stepmill_loader;
"""
_EFFECT = "INSERT INTO test_effects VALUES (%s, %s, %s)"


class Params(EnvParams):
    hold: str = ""


async def prepare(ctx: StepContext[Params]) -> Output:
    async with ctx.gateways.sql.autocommit() as conn:
        await conn.execute(_EFFECT, (ctx.job_id, "prepared", ctx.attempt))
    return Output()


async def act(ctx: StepContext[Params]) -> Output:
    """The effect and DONE are one commit; the first attempt stops before, inside or after that transaction."""
    await _held(ctx, "before")
    async with ctx.transaction() as tx:
        await tx.conn.execute(_EFFECT, (ctx.job_id, "acted", ctx.attempt))
        await _held(ctx, "inside")
        await ctx.finish(tx, Output())
    await _held(ctx, "after")
    return Output()


async def clean_up(ctx: StepContext[Params]) -> Output:
    async with ctx.gateways.sql.autocommit() as conn:
        await conn.execute(_EFFECT, (ctx.job_id, "cleaned", ctx.attempt))
    return Output()


async def _held(ctx: StepContext[Params], where: str) -> None:
    if ctx.attempt > 1 or ctx.params.hold != where:
        return
    ctx.log("info", f"held {where}")
    async with ctx.gateways.sql.autocommit() as conn:
        while not await (await conn.execute("SELECT FROM test_gates WHERE name = %s", (ctx.job_id,))).fetchone():
            await asyncio.sleep(0.02)


EFFECTS = JobType(
    "EFFECTS",
    "Its effects can be counted.",
    Params,
    (Step("Prepare", prepare), Step("Act", act), Step("Clean up", clean_up, always=True)),
    lock=lambda params: "effects",
)


def make_tables(server: DatabaseServer, name: str) -> None:
    """The tables for effects and gates, in the database called ``name``."""
    with psycopg.connect(server.url_of(name, user="postgres"), autocommit=True) as conn:
        conn.execute(_TABLES)
