"""A job type that another package brings, as an entry point: it ends well, fails, or runs until it is cancelled."""

import asyncio
from typing import Literal

from pydantic import Field

from stepmill.engine import EnvParams, JobType, Output, Step, StepContext
from stepmill.errors import DataError


class Params(EnvParams):
    """What to do."""

    then: Literal["end", "fail", "unforeseen", "wait"] = Field(default="end", description="How the second step ends.")
    count: int = Field(default=1, description="A number that comes back.")


class Counted(Output):
    """The number."""

    count: int


async def first(ctx: StepContext[Params]) -> Counted:
    """Count."""
    ctx.progress(1, 1, "things")
    return Counted(count=ctx.params.count)


async def second(ctx: StepContext[Params]) -> Counted:
    """End, fail or wait."""
    ctx.log("warning", "Second thoughts.")
    if ctx.params.then == "fail":
        raise DataError("no_good", "It is no good.", details={"examples": ["line 3: x"]})
    if ctx.params.then == "unforeseen":
        raise RuntimeError("password=hunter2")
    if ctx.params.then == "wait":
        await asyncio.Event().wait()
    return Counted(count=ctx.output_of(first).count)


JOB_TYPE = JobType(
    name="CLI_TEST",
    description="For the tests of the command line.",
    params=Params,
    steps=(Step("First", first), Step("Second", second)),
)
