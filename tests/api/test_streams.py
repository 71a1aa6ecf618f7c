"""Event streams over a real connection: in order, nothing lost, nothing twice."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from stepmill.client import Event
from stepmill.client.sse import SseParser
from tests.engine.job_types import gate
from tests.support.api import TOKEN, Api, bearer, hurry_streams
from tests.support.problems import assert_problem

PLAIN = {"type": "PLAIN", "envId": "default"}


@asynccontextmanager
async def http(url: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=url, headers=headers or {"Authorization": f"Bearer {TOKEN}"}, limits=httpx.Limits(), timeout=30
    ) as client:
        yield client


async def submitted(client: httpx.AsyncClient, **request: Any) -> str:
    job_id: str = (await client.post("/api/jobs", json={**PLAIN, **request})).json()["jobId"]
    return job_id


async def events(client: httpx.AsyncClient, path: str, *, until: str = "end", **headers: str) -> AsyncGenerator[Event]:
    """The events of a stream, up to the first of kind ``until``."""
    parser = SseParser()
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        async for chunk in response.aiter_bytes():
            for event in parser.feed(chunk):
                yield event
                if event.kind == until:
                    return


async def test_from_the_snapshot_to_the_end(api: Api) -> None:
    async with api.served() as url, http(url) as client, api.bench.worker():
        job_id = await submitted(client, type="WITH_RELEASE", params={"key": "whole"})
        seen = list[Event]()
        async for event in events(client, f"/api/jobs/{job_id}/stream"):
            seen.append(event)
            gate("whole").set()  # not before the stream is open: the job must not be over by then

        assert (seen[0].kind, seen[-1].kind) == ("snapshot", "end")
        assert seen[0].data["jobId"] == job_id
        assert seen[-1].data["status"] == "DONE"
        ids = [int(event.id) for event in seen]
        assert ids[1:] == list(range(ids[0] + 1, ids[-1] + 1))
        stored = (await client.get(f"/api/jobs/{job_id}/events?after={ids[0]}&limit=500")).json()["items"]
        assert [(event.id, event.kind, event.data) for event in seen[1:]] == [
            (event["id"], event["event"], event["data"]) for event in stored
        ]


async def test_headers_and_the_end_of_the_connection(api: Api) -> None:
    async with api.served() as url, http(url) as client, api.bench.worker():
        job_id = await submitted(client)
        async with client.stream("GET", f"/api/jobs/{job_id}/stream") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["x-accel-buffering"] == "no"
            text = (await response.aread()).decode()  # ends by itself
        assert text.rstrip().rsplit("\n\n", 1)[-1].startswith("id: ")
        assert "\nevent: end\n" in text


async def test_going_on_after_a_break_loses_and_repeats_nothing(api: Api) -> None:
    async with api.served() as url, http(url) as client, api.bench.worker():
        job_id = await submitted(client)
        path = f"/api/jobs/{job_id}/stream"
        whole = [event async for event in events(client, path)]
        first = int(whole[0].id)
        last = whole[-1].id

        for after in range(int(last)):
            by_header = [e async for e in events(client, path, **{"Last-Event-ID": str(after)})]
            assert [int(e.id) for e in by_header] == list(range(after + 1, int(last) + 1))
            by_query = [e async for e in events(client, f"{path}?lastEventId={after}")]
            assert by_query == by_header
            if after >= first:
                assert by_header == whole[1 + after - first :]

        newer_header = [e async for e in events(client, f"{path}?lastEventId=1", **{"Last-Event-ID": "3"})]
        assert newer_header[0].id == "4"
        for done in ({"headers": {"Last-Event-ID": last}}, {"params": {"lastEventId": last}}):
            response = await client.get(path, **done)  # type: ignore[arg-type]
            assert (response.status_code, response.content) == (204, b"")
        unknown = [e async for e in events(client, f"{path}?lastEventId=99999")]
        assert [e.kind for e in unknown] == ["snapshot", "end"]


async def test_breaking_off_at_every_event_while_the_job_runs(api: Api) -> None:
    async with api.served() as url, http(url) as client, api.bench.worker():
        job_id = await submitted(client, type="WITH_RELEASE", params={"key": "break"})
        path, seen = f"/api/jobs/{job_id}/stream", list[Event]()
        while not seen or seen[-1].kind != "end":
            resume = {"Last-Event-ID": seen[-1].id} if seen else {}
            async for event in events(client, path, **resume):
                seen.append(event)
                gate("break").set()
                break

        ids = [int(event.id) for event in seen]
        assert ids == list(range(ids[0], ids[-1] + 1))


async def test_a_stream_goes_on_after_a_retry(api: Api) -> None:
    async with api.served() as url, http(url) as client:
        job_id = await submitted(client)
        await client.post(f"/api/jobs/{job_id}/cancel")
        first = [event async for event in events(client, f"/api/jobs/{job_id}/stream")]
        assert [event.kind for event in first] == ["snapshot", "end"]
        await client.post(f"/api/jobs/{job_id}/retry")
        async with api.bench.worker():
            more = [e async for e in events(client, f"/api/jobs/{job_id}/stream", **{"Last-Event-ID": first[-1].id})]

        assert more[0].data["reason"] == "retry"
        assert more[-1].data["status"] == "DONE"


async def test_many_readers_of_one_job_see_the_same(api: Api) -> None:
    async with api.served() as url, api.bench.worker(), http(url) as client:
        job_id = await submitted(client, type="WITH_RELEASE", params={"key": "many"})
        ready = asyncio.Semaphore(0)

        async def read() -> list[Event]:
            seen: list[Event] = []
            async for event in events(client, f"/api/jobs/{job_id}/stream"):
                if not seen:
                    ready.release()
                seen.append(event)
            return seen

        readers = [asyncio.create_task(read()) for _ in range(60)]
        for _ in readers[:40]:
            await ready.acquire()
        gate("many").set()
        for seen in await asyncio.gather(*readers):
            ids = [int(event.id) for event in seen]
            assert (seen[0].kind, seen[-1].kind) == ("snapshot", "end")
            assert ids[1:] in (list(range(ids[0] + 1, ids[-1] + 1)), [ids[0]])
        connections = await listening(api)
        assert connections == 1
        assert api.bench.hub.readers == 0


async def listening(api: Api) -> int:
    async with api.bench.database.autocommit() as conn:
        query = (
            "SELECT count(*) AS n FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'stepmill:hub'"
        )
        row = await (await conn.execute(query)).fetchone()
    assert row is not None
    return int(row["n"])


async def test_the_feed_of_all_jobs(api: Api) -> None:
    async with api.served() as url, http(url) as client, http(url, **bearer("viewer", tenant="other")) as stranger:
        feed = events(client, "/api/stream?envId=default")
        other_feed = events(stranger, "/api/stream")
        begun = asyncio.create_task(anext(feed))
        unseen = asyncio.create_task(anext(other_feed))
        await wait_for_readers(api, 2)
        first_job = await submitted(client)
        first = await asyncio.wait_for(begun, 5)
        assert (first.kind, first.data["jobId"], first.data["status"]) == ("status", first_job, "PENDING")
        await client.post(f"/api/jobs/{first_job}/cancel")
        second = await asyncio.wait_for(anext(feed), 5)
        assert second.data["status"] == "CANCELLED"
        await feed.aclose()

        third_job = await submitted(client)
        resumed = events(client, "/api/stream", **{"Last-Event-ID": first.id})
        got = [await asyncio.wait_for(anext(resumed), 5) for _ in range(2)]
        assert got[0].id == second.id
        assert got[1].data["jobId"] == third_job
        await resumed.aclose()
        assert not unseen.done()
        unseen.cancel()
        assert_problem(await client.get("/api/stream?envId=nothing"), 404, "env_not_found")


async def wait_for_readers(api: Api, count: int) -> None:
    async with asyncio.timeout(5):
        while api.bench.hub.readers != count:
            await asyncio.sleep(0.01)


async def test_a_reader_who_leaves_is_forgotten(api: Api) -> None:
    async with api.served() as url, http(url) as client:
        job_id = await submitted(client)
        stream = events(client, f"/api/jobs/{job_id}/stream")
        assert (await anext(stream)).kind == "snapshot"
        await wait_for_readers(api, 1)
        await stream.aclose()
        await wait_for_readers(api, 0)
        assert len(api.parts.streams) == 0


async def test_signs_of_life_and_a_look_at_the_rights(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry_streams(monkeypatch, heartbeat_seconds=0.05, recheck_seconds=0.2)
    async with api.served() as url, http(url) as client:
        job_id = await submitted(client)
        async with client.stream("GET", f"/api/jobs/{job_id}/stream") as response:
            lines = response.aiter_lines()
            async with asyncio.timeout(5):
                assert ": alive" in [await anext(lines) for _ in range(12)]
            async with api.bench.database.transaction("stepmill_api", tenant="local") as conn:
                await conn.execute("SELECT cancel_v1(%s)", (job_id,))
                await conn.execute("DELETE FROM jobs WHERE job_id = %s", (job_id,))
            async with asyncio.timeout(5):  # the stream ends when the reader may not see the job any more
                async for _ in lines:
                    continue


async def test_a_server_that_stops_ends_its_streams(api: Api) -> None:
    async with AsyncExitStack() as stack, AsyncExitStack() as server:
        client = await stack.enter_async_context(http(await server.enter_async_context(api.served())))
        path = f"/api/jobs/{await submitted(client)}/stream"
        lines = (await stack.enter_async_context(client.stream("GET", path))).aiter_lines()
        await anext(lines)
        stopping = asyncio.create_task(server.aclose())
        async for _ in lines:  # to an end that httpx finds complete
            continue
        await stopping


async def test_streams_are_refused_like_everything_else(api: Api, client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/api/jobs/job_nothing/stream"), 404, "job_not_found")
    async with api.client(Accept="text/event-stream") as nobody:
        assert_problem(await nobody.get("/api/stream"), 401)
