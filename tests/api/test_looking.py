"""What a console asks besides single jobs: counts, attempts, what workers do, and who is asking."""

from typing import Any

import httpx
import pytest

from stepmill import __version__
from stepmill.engine import job_filters
from tests.api.test_jobs import submitted
from tests.engine.job_types import gate
from tests.support.api import Api, bearer
from tests.support.problems import assert_problem

NONE = {"PENDING": 0, "RUNNING": 0, "DONE": 0, "ERROR": 0, "CANCELLED": 0}


async def test_counts_by_the_lists_filters(client: httpx.AsyncClient, api: Api) -> None:
    made = [(await submitted(client, params={"key": f"no-{number}"}))["jobId"] for number in range(3)]
    await submitted(client, type="COMPUTE")
    await client.post(f"/api/jobs/{made[0]}/cancel")

    async def counts(**query: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await client.get("/api/jobs/counts", params=query)).json()
        return answer

    assert await counts() == {"total": 4, "byStatus": {**NONE, "PENDING": 3, "CANCELLED": 1}}
    assert await counts(type="PLAIN") == {"total": 3, "byStatus": {**NONE, "PENDING": 2, "CANCELLED": 1}}
    assert await counts(status="RUNNING,CANCELLED", q="no-0") == {"total": 1, "byStatus": {**NONE, "CANCELLED": 1}}
    assert await counts(jobId=",".join(made[1:])) == {"total": 2, "byStatus": {**NONE, "PENDING": 2}}
    for nothing in ({"envId": ""}, {"jobId": "job_nothing"}, {"createdAfter": "2999-01-01T00:00:00Z"}):
        assert await counts(**nothing) == {"total": 0, "byStatus": NONE}
    assert_problem(await client.get("/api/jobs/counts?status=GONE"), 422, "invalid_request")
    assert_problem(await client.get("/api/jobs/counts?limit=5"), 422, "invalid_request")
    async with api.client(**bearer("viewer", tenant="other")) as stranger:
        assert (await stranger.get("/api/jobs/counts")).json() == {"total": 0, "byStatus": NONE}


async def test_a_look_that_takes_too_long_is_given_up_with_advice(
    client: httpx.AsyncClient, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_filters, "_LOOK_SECONDS", 0.1)
    async with await api.bench.database.connect(application_name="tests:lock", role=None, autocommit=False) as conn:
        await conn.execute("SET LOCAL ROLE stepmill_owner")
        await conn.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        for path in ("/api/jobs", "/api/jobs/counts"):
            problem = assert_problem(await client.get(path), 422, "filter_too_wide")
            assert "createdAfter" in problem["detail"]


async def test_filters_by_ids(client: httpx.AsyncClient) -> None:
    made = [(await submitted(client))["jobId"] for _ in range(4)]

    listed = (await client.get("/api/jobs", params={"jobId": f"{made[2]}, {made[0]},job_nothing"})).json()["items"]
    assert [job["jobId"] for job in listed] == [made[2], made[0]]
    assert (await client.post("/api/jobs/cancel", json={"jobId": made[:2]})).json() == {"matched": 2}
    assert (await client.post(f"/api/jobs/retry?jobId={made[0]}")).json() == {"matched": 1}
    counted = (await client.get("/api/jobs/counts")).json()["byStatus"]
    assert (counted["PENDING"], counted["CANCELLED"]) == (3, 1)

    many = [f"job_{number}" for number in range(501)]
    for wrong in ([], [""], many, ["x" * 201], [7], None):
        problem = assert_problem(await client.post("/api/jobs/cancel", json={"jobId": wrong, "status": "PENDING"}), 422)
        assert problem["errors"][0]["pointer"].startswith("/jobId")
    for text in ("", ",", ",".join(many)):
        problem = assert_problem(await client.get("/api/jobs", params={"jobId": text}), 422, "invalid_request")
        assert problem["errors"][0]["pointer"] == "/query/jobId"
    assert (await client.post("/api/jobs/cancel", json={"jobId": many[:500]})).json() == {"matched": 0}


async def test_attempts(client: httpx.AsyncClient, api: Api) -> None:
    async with api.bench.worker("worker-7"):
        job_id = (await submitted(client, params={"fail": "once"}))["jobId"]
        await api.bench.follow(job_id)

    path = f"/api/jobs/{job_id}/attempts"
    first, second = (await client.get(path)).json()["items"]
    assert set(first) == {"attempt", "workerId", "startedAt", "endedAt", "outcome"}
    assert [(each["attempt"], each["workerId"], each["outcome"]) for each in (first, second)] == [
        (1, "worker-7", "backoff"),
        (2, "worker-7", "done"),
    ]
    assert first["startedAt"] < first["endedAt"] < second["startedAt"]
    page = (await client.get(path, params={"limit": 1})).json()
    assert page["items"] == [first]
    assert (await client.get(path, params={"cursor": page["nextCursor"]})).json() == {"items": [second]}
    other = (await client.get("/api/job-types?limit=1")).json()["nextCursor"]
    assert_problem(await client.get(path, params={"cursor": other}), 422, "invalid_cursor")
    async with api.client(**bearer("viewer", tenant="other")) as stranger:
        assert_problem(await stranger.get(path), 404, "job_not_found")


async def test_what_a_worker_does_now(client: httpx.AsyncClient, api: Api) -> None:
    async with api.bench.worker("worker-7"):
        job_id = (await submitted(client, type="WITH_RELEASE", params={"key": "now"}))["jobId"]
        await api.bench.follow(job_id, until=lambda event: event.kind == "log" and event.data["step"] == "Wait")
        (worker,) = (await client.get("/api/workers")).json()["items"]
        async with api.client(**bearer("viewer", tenant="other")) as stranger:
            (seen,) = (await stranger.get("/api/workers")).json()["items"]
        gate("now").set()
        await api.bench.follow(job_id)

    (attempt,) = (await client.get(f"/api/jobs/{job_id}/attempts")).json()["items"]
    assert worker["jobs"] == [
        {
            "jobId": job_id,
            "type": "WITH_RELEASE",
            "step": "Wait",
            "envId": "default",
            "startedAt": attempt["startedAt"],
        }
    ]
    assert worker["concurrency"] >= 1
    assert seen["jobs"] == []


async def test_who_calls(client: httpx.AsyncClient, api: Api) -> None:
    assert (await client.get("/api/session")).json() == {
        "subject": "local",
        "tenantId": "local",
        "roles": ["administrator"],
        "version": __version__,
    }
    async with api.client(**bearer("operator", "viewer", tenant="acme", subject="robot")) as service:
        answer = (await service.get("/api/session")).json()
        assert (answer["subject"], answer["tenantId"], answer["roles"]) == ("robot", "acme", ["viewer", "operator"])
    async with api.client(**bearer()) as nobody:
        assert (await nobody.get("/api/session")).json()["roles"] == []
