"""Blocking calls in threads that do not outlive whoever waits for them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *args: object, **options: object) -> T:
    """What ``asyncio.to_thread`` answers. Where the caller is cancelled, it ends when the thread is done.

    A thread can't be stopped, and what was cancelled must not go on behind its caller's back.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **options))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # which nobody is there to be told of
        raise
