"""Job types that another package brings: one that talks for as long as it is asked to, one that always fails."""

import asyncio

from pydantic import Field

from stepmill.engine import EnvParams, JobType, Output, Step, StepContext
from stepmill.errors import UnavailableError


class Talking(EnvParams):
    """How much is said."""

    lines: int = Field(description="Lines of the log.")
    pause_seconds: float = Field(default=0.0, description="Between two of them.")


async def talk(ctx: StepContext[Talking]) -> Output:
    """Write the lines."""
    for number in range(ctx.params.lines):
        ctx.log("info", f"Line {number}.", number=number)
        ctx.progress(number + 1, ctx.params.lines, "lines")
        await asyncio.sleep(ctx.params.pause_seconds)
    return Output()


async def fail(ctx: StepContext[EnvParams]) -> Output:
    """Say that it may go well another time."""
    raise UnavailableError("out_to_lunch", "The other side is out to lunch.")


TALK = JobType(name="BARS_TALK", description="Talks.", params=Talking, steps=(Step("Talk", talk),))
FAIL = JobType(name="BARS_FAIL", description="Fails.", params=EnvParams, steps=(Step("Fail", fail),))
