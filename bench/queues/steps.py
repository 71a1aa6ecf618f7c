"""What the three steps of a job do, in every queue alike: tell the measuring process that they were reached."""

import asyncio
import os
import time

QUEUE = "bench"
#: What each told line begins with: a queue may write other things to standard output.
MARK = "@bench"
#: Jobs from this number on never leave their second step: somebody kills the worker there.
HANGING = 1_000_000


def tell(*words: object) -> None:
    """Write one line with the time, at once and whole: several steps may tell things at the same time."""
    os.write(1, f"{MARK} {' '.join(str(word) for word in words)} {time.time():.6f}\n".encode())


async def first(number: int) -> None:
    """The job has started."""
    tell("first", number)


async def second(number: int) -> None:
    """The job is in its middle, some of them for ever."""
    tell("second", number)
    if number >= HANGING:
        await asyncio.sleep(86_400)


async def third(number: int) -> None:
    """The job's work is done."""
    tell("third", number)


STEPS = (first, second, third)
