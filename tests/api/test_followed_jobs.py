"""One connection for the changes of all jobs and the events of some: what a page in a browser needs."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from tests.api.test_streams import http, submitted, wait_for_readers
from tests.engine.job_types import gate
from tests.support.api import Api, bearer, hurry_streams
from tests.support.problems import assert_problem


async def blocks(client: httpx.AsyncClient, query: str = "", **headers: str) -> AsyncGenerator[dict[str, Any]]:
    """The fields of each block of the stream over all jobs, comments and the first, which has no id, left out."""
    async with asyncio.timeout(20), client.stream("GET", f"/api/stream{query}", headers=headers) as response:
        assert response.status_code == 200
        fields: dict[str, Any] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if line and name != "retry" and not line.startswith(":"):
                fields[name] = json.loads(value) if name == "data" else value
            elif not line and fields:
                yield fields
                fields = {}


async def job_events(stream: AsyncGenerator[dict[str, Any]], job_id: str, *, until: str) -> list[dict[str, Any]]:
    """What the stream brings of one job, up to its first event called ``until``."""
    seen: list[dict[str, Any]] = []
    async for block in stream:
        if block.get("event") == "job" and block["data"]["jobId"] == job_id:
            assert "id" not in block
            seen.append({name: block["data"][name] for name in ("id", "event", "data")})
            if seen[-1]["event"] == until:
                return seen
    raise AssertionError("the stream ended too early")


async def stored(client: httpx.AsyncClient, job_id: str, after: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/jobs/{job_id}/events", params={"after": after, "limit": 500})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_whoever_is_cut_off_before_any_event_comes_back_with_an_id(api: Api) -> None:
    async with api.served() as url, http(url) as client:
        await submitted(client)
        quiet = blocks(client)
        first = await anext(quiet)
        assert first == {"id": first["id"]}
        assert first["id"].isdigit()
        await quiet.aclose()

        missed = await submitted(client)
        again = blocks(client, **{"Last-Event-ID": first["id"]})
        assert await anext(again) == first
        seen = [(await anext(again))["data"]["jobId"]]
        if seen != [missed]:  # the first job's event may have had its number after the first look
            seen.append((await anext(again))["data"]["jobId"])
        assert seen[-1] == missed
        await again.aclose()


async def test_the_position_is_told_when_the_reader_misses_nothing_more(api: Api) -> None:
    async with api.served() as url, http(url) as client:
        for _ in range(10):
            stream = blocks(client)
            await anext(stream)
            job_id = await submitted(client)
            async for block in stream:
                if block["data"]["jobId"] == job_id:
                    break
            await stream.aclose()


async def test_a_followed_job_from_its_snapshot_over_its_end_and_a_retry(api: Api) -> None:
    async with api.served() as url, http(url) as client:
        followed = await submitted(client)
        stream = blocks(client, f"?follow={followed}")
        assert set(await anext(stream)) == {"id"}
        begun = await job_events(stream, followed, until="snapshot")
        await client.post(f"/api/jobs/{followed}/cancel")
        ended = await job_events(stream, followed, until="end")
        assert begun[0]["data"]["jobId"] == followed
        assert ended == await stored(client, followed, after=begun[0]["id"])

        async with api.bench.worker():
            await client.post(f"/api/jobs/{followed}/retry")
            retried = await job_events(stream, followed, until="end")
        assert retried == await stored(client, followed, after=ended[-1]["id"])
        assert retried[-1]["data"]["status"] == "DONE"

        other = await submitted(client)
        async for block in stream:
            if block["event"] == "status" and block["data"]["jobId"] == other:
                assert int(block["id"]) > 0
                break
        await stream.aclose()
        await wait_for_readers(api, 0)


async def test_several_jobs_go_on_after_the_numbers_that_the_reader_has(api: Api) -> None:
    async with api.served() as url, http(url) as client, api.bench.worker():
        names = [f"several-{number}" for number in range(4)]
        jobs = [await submitted(client, type="WITH_RELEASE", params={"key": name}) for name in names]
        whole = f"?follow={jobs[0]}:1&follow={jobs[1]},{jobs[2]}:1&follow={jobs[3]}:0"
        stream = blocks(client, whole)
        await anext(stream)
        for name in names:
            gate(name).set()
        seen: dict[str, list[dict[str, Any]]] = {job_id: [] for job_id in jobs}
        async for block in stream:
            if block["event"] == "job":
                seen[block["data"]["jobId"]].append(block["data"])
            if all(events and events[-1]["event"] == "end" for events in seen.values()):
                break
        await stream.aclose()

        for job_id, after in zip(jobs, ("1", None, "1", "0"), strict=True):
            events = [{name: event[name] for name in ("id", "event", "data")} for event in seen[job_id]]
            if after is None:
                assert events[0]["event"] == "snapshot"
                after = events.pop(0)["id"]
                events = [event for event in events if event["id"] != after]  # an end that came with the snapshot
            assert events == await stored(client, job_id, after=after)


async def test_a_job_at_rest_of_which_the_reader_has_all_is_silent_until_its_retry(api: Api) -> None:
    async with api.served() as url, http(url) as client:
        job_id = await submitted(client)
        await client.post(f"/api/jobs/{job_id}/cancel")
        last = (await stored(client, job_id, after="0"))[-1]["id"]
        stream = blocks(client, f"?follow={job_id}:{last}")
        await anext(stream)
        await wait_for_readers(api, 2)
        await client.post(f"/api/jobs/{job_id}/retry")
        first = (await job_events(stream, job_id, until="status"))[0]
        await stream.aclose()

        assert int(first["id"]) > int(last)
        assert first["data"]["reason"] == "retry"


async def test_what_can_not_be_followed(api: Api, client: httpx.AsyncClient) -> None:
    job_id = await submitted(client)
    wrong = ["", job_id + ":", job_id + ":x", job_id + ":-1", job_id + ":" + "9" * 30, "a/b", f"{job_id},", "ä:1"]
    for follow in [*wrong, f"{job_id},{job_id}:1", ",".join(f"job_{number}" for number in range(21))]:
        problem = assert_problem(await client.get("/api/stream", params={"follow": follow}), 422, "invalid_request")
        assert [error["pointer"] for error in problem["errors"]] == ["/query/follow"]
    many = [f"follow=job_{number}" for number in range(21)]
    assert_problem(await client.get(f"/api/stream?{'&'.join(many)}"), 422, "invalid_request")
    assert_problem(await client.get(f"/api/stream?{'&'.join(many[1:])}"), 404, "job_not_found")
    assert_problem(await client.get("/api/stream?envId=a&envId=b"), 422, "invalid_request")
    async with api.client(**bearer("viewer", tenant="other")) as stranger:
        problem = assert_problem(await stranger.get(f"/api/stream?follow={job_id}:1"), 404, "job_not_found")
        assert job_id in problem["detail"]
    assert api.bench.hub.readers == 0


async def test_it_ends_when_a_followed_job_may_no_longer_be_seen(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry_streams(monkeypatch, heartbeat_seconds=0.05, recheck_seconds=0.2)
    async with api.served() as url, http(url) as client:
        job_id = await submitted(client)
        stream = blocks(client, f"?follow={job_id}")
        await job_events(stream, job_id, until="snapshot")
        async with api.bench.database.transaction("stepmill_api", tenant="local") as conn:
            await conn.execute("SELECT cancel_v1(%s)", (job_id,))
            await conn.execute("DELETE FROM jobs WHERE job_id = %s", (job_id,))
        async for _ in stream:
            continue
        await wait_for_readers(api, 0)
