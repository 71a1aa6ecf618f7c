"""The feed and some jobs' events as one stream: bounded whatever its reader does, and gone with its reader."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from stepmill.engine.hub_merge import Block, JobEvent, feed_and_jobs
from stepmill.engine.hub_readers import FOLLOWER_EVENTS, Event, Position
from stepmill.errors import NotFoundError, UnavailableError
from tests.support.engine import CALLER, Bench

MANY = 2 * FOLLOWER_EVENTS


def merged(bench: Bench, **jobs: int | None) -> AsyncGenerator[Block]:
    return feed_and_jobs(bench.hub, CALLER, None, None, jobs)


async def until_snapshot(stream: AsyncGenerator[Block]) -> JobEvent:
    async for block in stream:
        if isinstance(block, JobEvent) and block.event.kind == "snapshot":
            return block
    raise AssertionError("the stream ended too early")


async def handed_out(bench: Bench, job_id: str) -> None:
    """Wait until the hub has heard of the job's events: it hears in order, and of a later job's by its feed."""
    feed = bench.hub.subscribe_feed(CALLER)
    async with aclosing(feed):
        await anext(feed)
        bench.engine.notifier.touch(job_id)
        later = (await bench.submit("PLAIN"))["jobId"]
        async for event in feed:
            if isinstance(event, Event) and event.data["jobId"] == later:
                return


async def test_a_reader_who_stops_reading_holds_a_few_events_only(bench: Bench) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    stream = merged(bench, **{job_id: None})
    assert isinstance(await anext(stream), Position)
    last = (await until_snapshot(stream)).event.id

    lines = '(SELECT jsonb_agg(\'{"kind": "log", "data": {}}\'::jsonb) FROM generate_series(1, %s))'
    await bench.rows(f"SELECT emit_v1(%s, 'local', 'default', {lines})", job_id, MANY)
    await handed_out(bench, job_id)
    seen: list[int] = []

    async def read_on() -> None:
        async for block in stream:
            seen.extend([block.event.id] if isinstance(block, JobEvent) else [])

    with pytest.raises(UnavailableError) as caught:
        await read_on()

    assert caught.value.code == "reader_too_slow"
    assert seen == list(range(last + 1, last + 1 + len(seen)))
    assert len(seen) < FOLLOWER_EVENTS
    assert bench.hub.readers == 0


async def test_one_source_that_fails_ends_it_for_all(bench: Bench) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    stream = merged(bench, **{job_id: None, "job_nothing": 4})
    with pytest.raises(NotFoundError):
        async for _ in stream:
            continue
    assert bench.hub.readers == 0


async def test_a_reader_who_is_cancelled_leaves_nothing_behind(bench: Bench) -> None:
    jobs = {(await bench.submit("PLAIN"))["jobId"]: None for _ in range(20)}

    async def read() -> None:
        async for _ in merged(bench, **jobs):
            continue

    for turns in range(0, 60, 3):
        task = asyncio.create_task(read())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    async with asyncio.timeout(10):
        assert (await until_snapshot(merged(bench, **jobs))).job_id in jobs
