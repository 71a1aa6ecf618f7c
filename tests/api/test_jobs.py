"""The contract's part "Jobs", over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.engine.job_types import gate
from tests.support.api import Api, bearer
from tests.support.problems import assert_problem

PLAIN = {"type": "PLAIN", "envId": "default"}
JOB_FIELDS = {
    "jobId", "type", "status", "waiting", "envId", "tenantId", "params", "steps", "result", "error", "attempt",
    "maxAttempts", "priority", "progress", "cancelRequestedAt", "createdAt", "runAt", "startedAt", "finishedAt",
    "createdBy",
}  # fmt: skip
STEP_FIELDS = {"name", "status", "attempt", "startedAt", "finishedAt", "progress", "output", "error"}


async def submitted(client: httpx.AsyncClient, **request: Any) -> dict[str, Any]:
    response = await client.post("/api/jobs", json={**PLAIN, **request})
    assert response.status_code == 201, response.text
    job: dict[str, Any] = response.json()
    return job


async def test_submit_look_and_list(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/jobs", json=PLAIN)

    job = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/api/jobs/{job['jobId']}"
    assert set(job) >= JOB_FIELDS
    assert [set(step) >= STEP_FIELDS for step in job["steps"]] == [True, True]
    assert (job["status"], [step["status"] for step in job["steps"]]) == ("PENDING", ["PENDING", "PENDING"])
    assert job["createdAt"].endswith("Z")
    assert job["createdBy"] == "local"
    assert (await client.get(response.headers["location"])).json()["jobId"] == job["jobId"]
    assert [each["jobId"] for each in (await client.get("/api/jobs")).json()["items"]] == [job["jobId"]]


async def test_a_repeat_gets_the_first_job_and_another_request_is_refused(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await client.post("/api/jobs", json=PLAIN, headers=key)
    again = await client.post("/api/jobs", json={"envId": "default", "type": "PLAIN"}, headers=key)
    in_body = await client.post("/api/jobs", json={**PLAIN, "idempotencyKey": "k1"})

    assert [first.status_code, again.status_code, in_body.status_code] == [201, 200, 200]
    assert first.json()["jobId"] == again.json()["jobId"] == in_body.json()["jobId"]
    other = await client.post("/api/jobs", json={**PLAIN, "priority": 5}, headers=key)
    assert_problem(other, 409, "idempotency_conflict")
    differing = await client.post("/api/jobs", json={**PLAIN, "idempotencyKey": "k2"}, headers=key)
    assert_problem(differing, 422)


async def test_of_many_at_once_one_makes_the_job(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.post("/api/jobs", json=PLAIN, headers={"Idempotency-Key": "race"}) for _ in range(12))
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["jobId"] for answer in answers}) == 1


async def test_a_batch(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/jobs/batch", json={"jobs": [PLAIN, {**PLAIN, "priority": 7}]})

    assert response.status_code == 201
    assert [job["priority"] for job in response.json()["items"]] == [0, 7]


async def test_filters_and_pages(client: httpx.AsyncClient) -> None:
    made = [(await submitted(client, params={"key": f"no-{index}"}))["jobId"] for index in range(7)]
    late = (await submitted(client, type="COMPUTE"))["jobId"]
    await client.post(f"/api/jobs/{made[0]}/cancel")

    async def ids(query: str) -> list[str]:
        return [job["jobId"] for job in (await client.get(f"/api/jobs?{query}")).json()["items"]]

    assert await ids("type=COMPUTE") == [late]
    assert await ids("status=CANCELLED") == [made[0]]
    assert len(await ids("status=CANCELLED,PENDING")) == 8
    assert await ids("type=COMPUTE,PLAIN&status=CANCELLED") == [made[0]]
    assert await ids("q=no-3") == [made[3]]  # no id has a hyphen, so none holds this by chance
    assert await ids("envId=nothing") == []
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    assert await ids(f"createdAfter={now}") == []
    assert len(await ids(f"createdBefore={now}")) == 8

    seen: list[str] = []
    page = (await client.get("/api/jobs?limit=3")).json()
    while True:
        seen += [job["jobId"] for job in page["items"]]
        if "nextCursor" not in page:
            break
        page = (await client.get("/api/jobs", params={"limit": 3, "cursor": page["nextCursor"]})).json()
    assert seen == [late, *reversed(made)]


async def test_cancel_and_retry(client: httpx.AsyncClient) -> None:
    job_id = (await submitted(client))["jobId"]

    assert_problem(await client.post(f"/api/jobs/{job_id}/retry"), 409, "not_retryable")
    cancelled = await client.post(f"/api/jobs/{job_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "CANCELLED")
    assert_problem(await client.post(f"/api/jobs/{job_id}/cancel"), 409, "not_cancellable")
    problem = assert_problem(await client.post(f"/api/jobs/{job_id}/retry", json={"fromStep": "Nothing"}), 422)
    assert problem["errors"][0]["pointer"] == "/fromStep"
    retried = await client.post(f"/api/jobs/{job_id}/retry", json={"fromStep": "One"})
    assert (retried.status_code, retried.json()["status"]) == (202, "PENDING")


async def test_a_repeated_cancel_with_its_key_gets_the_first_answer(client: httpx.AsyncClient) -> None:
    job_id = (await submitted(client))["jobId"]
    key = {"Idempotency-Key": "c1"}

    first = await client.post(f"/api/jobs/{job_id}/cancel", headers=key)
    again = await client.post(f"/api/jobs/{job_id}/cancel", headers=key)

    assert first.json() == again.json()
    assert again.status_code == 202
    other = (await submitted(client))["jobId"]
    assert_problem(await client.post(f"/api/jobs/{other}/cancel", headers=key), 409, "idempotency_conflict")


async def test_bulk_cancel_and_retry_by_query_or_body(client: httpx.AsyncClient) -> None:
    for index in range(3):
        await submitted(client, params={"key": f"no-{index}"})
    other = (await submitted(client, type="COMPUTE"))["jobId"]

    by_query = await client.post("/api/jobs/cancel?type=PLAIN")
    assert (by_query.status_code, by_query.json()) == (202, {"matched": 3})
    by_body = await client.post("/api/jobs/retry", json={"type": "PLAIN", "status": ["CANCELLED"], "q": "no-1"})
    assert (by_body.status_code, by_body.json()) == (202, {"matched": 1})
    assert (await client.get(f"/api/jobs/{other}")).json()["status"] == "PENDING"


async def test_events_as_json(client: httpx.AsyncClient, api: Api) -> None:
    async with api.bench.worker():
        job_id = (await submitted(client))["jobId"]
        await api.bench.follow(job_id)

    events = (await client.get(f"/api/jobs/{job_id}/events?limit=500")).json()["items"]
    assert [int(event["id"]) for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["event"] == "end"
    later = (await client.get(f"/api/jobs/{job_id}/events?after=3&limit=2")).json()
    assert [event["id"] for event in later["items"]] == ["4", "5"]
    assert later["nextCursor"] == "5"


async def test_job_types_and_workers(client: httpx.AsyncClient, api: Api) -> None:
    types = (await client.get("/api/job-types")).json()["items"]
    plain = next(each for each in types if each["type"] == "PLAIN")
    assert plain["description"] == "Two steps."
    assert plain["steps"] == [{"name": "One", "always": False}, {"name": "Two", "always": False}]
    assert "envId" in plain["paramsSchema"]["properties"]

    first = (await client.get("/api/job-types?limit=2")).json()
    second = (await client.get("/api/job-types", params={"limit": 500, "cursor": first["nextCursor"]})).json()
    assert [each["type"] for each in [*first["items"], *second["items"]]] == [each["type"] for each in types]

    assert (await client.get("/api/workers")).json() == {"items": []}
    async with api.bench.worker("worker-7"):
        job_id = (await submitted(client))["jobId"]
        await api.bench.follow(job_id)
        (worker,) = (await client.get("/api/workers")).json()["items"]
    assert worker["workerId"] == "worker-7"
    assert {"host", "pid", "version", "types", "runningJobs", "memoryBytes", "startedAt", "lastSeenAt"} <= set(worker)


async def test_a_far_time_is_refused_before_it_spoils_the_list(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/jobs", json={**PLAIN, "runAt": "9999-12-31T23:59:59-14:00"})

    assert_problem(response, 422)
    assert (await client.get("/api/jobs")).status_code == 200


async def test_another_tenant_sees_and_touches_nothing(client: httpx.AsyncClient, api: Api) -> None:
    job_id = (await submitted(client))["jobId"]

    async with api.client(**bearer("administrator", tenant="other")) as stranger:
        assert (await stranger.get("/api/jobs")).json() == {"items": []}
        assert (await stranger.get("/api/envs")).json() == {"items": []}
        for path in ("", "/events", "/stream"):
            assert_problem(await stranger.get(f"/api/jobs/{job_id}{path}"), 404, "job_not_found")
        for verb in ("cancel", "retry"):
            assert_problem(await stranger.post(f"/api/jobs/{job_id}/{verb}"), 404, "job_not_found")
        assert (await stranger.post("/api/jobs/cancel?status=PENDING")).json() == {"matched": 0}
        assert_problem(await stranger.post("/api/jobs", json=PLAIN), 404)
        assert_problem(await stranger.get("/api/envs/default/areas"), 404)


async def test_roles(client: httpx.AsyncClient, api: Api) -> None:
    job_id = (await submitted(client))["jobId"]

    async with api.client(**bearer("viewer")) as viewer, api.client(**bearer("operator")) as operator:
        assert (await viewer.get(f"/api/jobs/{job_id}")).status_code == 200
        assert_problem(await viewer.post("/api/jobs", json=PLAIN), 403, "role_required")
        assert_problem(await viewer.post(f"/api/jobs/{job_id}/cancel"), 403, "role_required")
        assert (await operator.post("/api/jobs", json=PLAIN)).json()["createdBy"] == "someone"
        assert_problem(await operator.post("/api/envs/default/areas", json={"name": "a"}), 403, "role_required")
        assert_problem(await operator.post("/api/envs", json={"envId": "x"}), 403, "role_required")
    async with api.client(**bearer()) as nobody:
        assert_problem(await nobody.get("/api/jobs"), 403, "role_required")


async def test_statistics(client: httpx.AsyncClient, api: Api) -> None:
    async with api.bench.worker():
        job_id = (await submitted(client))["jobId"]
        await api.bench.follow(job_id)
        waiting = (await submitted(client, type="LOCKED", params={"key": "stats"}))["jobId"]
        await api.bench.follow(waiting, until=lambda event: event.kind == "step")
        await submitted(client, type="LOCKED", params={"key": "stats"})
        until = datetime.now(UTC) + timedelta(seconds=5)
        query: dict[str, str | int] = {
            "from": (until - timedelta(minutes=2)).isoformat(),
            "to": until.isoformat(),
            "stepSeconds": 60,
        }
        report = (await client.get("/api/stats", params=query)).json()
        gate("stats").set()

    assert set(report) == {"from", "to", "stepSeconds", "items"}
    assert len(report["items"]) == 2
    assert sum(point["submitted"] for point in report["items"]) == 3
    assert sum(point["finished"]["DONE"] for point in report["items"]) == 1
    assert report["items"][-1]["queueDepth"] == 1
    assert report["items"][-1]["queueAgeSeconds"] > 0
    assert set(report["items"][-1]["stepSeconds"]) == {"One", "Two"}
    only = (await client.get("/api/stats", params={**query, "type": "LOCKED"})).json()
    assert sum(point["submitted"] for point in only["items"]) == 2
    refused: tuple[dict[str, str | int], ...] = (
        {"from": query["to"]},
        {"stepSeconds": 0},
        {"from": "1999-01-01T00:00:00Z"},
        {"to": "0001-01-01T00:00Z"},
    )
    for bad in refused:
        assert_problem(await client.get("/api/stats", params={**query, **bad}), 422)
