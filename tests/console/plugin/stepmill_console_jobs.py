"""A job type that says whatever its params tell it to, at each place where a job can say something."""

import asyncio
from typing import Literal

from pydantic import Field

from stepmill.engine import EnvParams, JobType, Output, Step, StepContext
from stepmill.errors import DataError


class Params(EnvParams):
    """What is said, and how it goes on."""

    texts: list[str] = Field(description="What is said: as log lines, progress, output and error.")
    then: Literal["end", "fail", "wait"] = Field(default="end", description="How the second step goes on.")


class Said(Output):
    """What was said."""

    said: dict[str, str]
    logical_name: str


async def say(ctx: StepContext[Params]) -> Said:
    """Say each text in the log, and the first as progress."""
    for text in ctx.params.texts:
        ctx.log("warning", text, field=text)
    ctx.progress(1, 2, ctx.params.texts[0], ctx.params.texts[0])
    return Said(said={text: text for text in ctx.params.texts}, logical_name=ctx.params.texts[0])


async def go_on(ctx: StepContext[Params]) -> Said:
    """End, fail or wait."""
    ctx.progress(1, None, ctx.params.texts[0], " ".join(ctx.params.texts))
    if ctx.params.then == "fail":
        texts = ctx.params.texts
        raise DataError("bad_words", " ".join(texts), details={"examples": texts, texts[0]: texts[0]})
    if ctx.params.then == "wait":
        await asyncio.Event().wait()
    said: Said = ctx.output_of(say)
    return said


JOB_TYPE = JobType(
    name="SAY",
    description="For the tests of the console.",
    params=Params,
    steps=(Step("Say", say), Step("Go on", go_on)),
)
