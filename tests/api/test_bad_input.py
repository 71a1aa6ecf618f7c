"""Whatever is sent, the answer is a clear 4xx, and nothing is stored."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepmill.api.requests import parse_json
from stepmill.errors import InputError
from tests.support.problems import assert_problem

JSON = {"Content-Type": "application/json"}


BODIES = [
    (b"", 400, None),
    (b"   ", 400, None),
    (b"{", 400, None),
    (b'{"type": "PLAIN"} x', 400, None),
    (b'{"type": "PLAIN", "type": "PLAIN"}', 400, None),
    (b'{"type": NaN}', 400, None),
    (b'{"priority": -Infinity}', 400, None),
    (b"\xff\xfe{}", 400, None),
    (b'{"type": "\xc3\x28"}', 400, None),
    (b'"\x01"', 400, None),
    (b"[" * 100_000, 400, None),
    (b"[" * 65 + b"]" * 65, 400, None),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, None),
    (b"null", 422, ""),
    (b"[]", 422, ""),
    (b'"text"', 422, ""),
    (b"7", 422, ""),
    (b"{}", 422, "/type"),
    (b'{"type": 7}', 422, "/type"),
    (b'{"type": ""}', 422, "/type"),
    (b'{"type": "PLAIN", "params": []}', 422, "/params"),
    (b'{"type": "PLAIN", "param": {}}', 422, "/param"),
    (b'{"type": "PLAIN", "envId": "default", "priority": "high"}', 422, "/priority"),
    (b'{"type": "PLAIN", "envId": "default", "priority": 101}', 422, "/priority"),
    (b'{"type": "PLAIN", "envId": "default", "priority": 1e999}', 422, "/priority"),
    (b'{"type": "PLAIN", "envId": "default", "priority": 1' + b"0" * 5000 + b"}", 422, "/priority"),
    (b'{"type": "PLAIN", "envId": "default", "runAt": "tomorrow"}', 422, "/runAt"),
    (b'{"type": "PLAIN", "envId": "default", "runAt": "2026-01-01T00:00:00"}', 422, "/runAt"),
    (b'{"type": "PLAIN", "envId": "default", "runAt": 5}', 422, "/runAt"),
    (b'{"type": "PLAIN", "envId": "default", "runAt": "5"}', 422, "/runAt"),
    (b'{"type": "PLAIN", "envId": "default", "runAt": true}', 422, "/runAt"),
    (b'{"type": "PLAIN", "envId": "default", "runAt": "9999-12-31T00:00:00Z"}', 422, "/runAt"),
    (b'{"type": "PLAIN", "envId": "default", "timeoutSeconds": 0}', 422, "/timeoutSeconds"),
    (b'{"type": "PLAIN", "envId": "default", "timeoutSeconds": "5"}', 422, "/timeoutSeconds"),
    (b'{"type": "PLAIN", "envId": "default", "maxAttempts": 0}', 422, "/maxAttempts"),
    (b'{"type": "PLAIN", "envId": "default", "params": {"key": "a\\u0000b"}}', 422, "/params/key"),
    (b'{"type": "PLAIN", "envId": "default", "params": {"key": "\\ud800"}}', 422, "/params/key"),
    (b'{"type": "PLAIN", "envId": "default", "params": {"a/b~c": ["\\u0000"]}}', 422, "/params/a~1b~0c/0"),
    (b'{"type": "PLAIN", "envId": "default", "params": {"\\u0000": 1}}', 422, "/params"),
    (b'{"type": "PLAIN", "envId": "default", "params": {"n": 99999999999999999999}}', 422, "/params/n"),
    (b'{"type": "NOTHING", "envId": "default"}', 422, "/type"),
    (b'{"type": "PLAIN", "envId": "default", "params": {"wrong": 1}}', 422, "/params/wrong"),
    (b'{"type": "PLAIN", "envId": "default", "params": {"key": 7}}', 422, "/params/key"),
    (b'{"type": "PLAIN", "params": {}}', 422, "/params/envId"),
    (b'{"type": "PLAIN", "envId": "default", "params": {"envId": "other"}}', 422, "/params/envId"),
    (b'{"type": "PLAIN", "envId": "other"}', 404, None),
    (b'{"type": "PLAIN", "envId": "default", "params": {"tenantId": "other"}}', 403, None),
]


async def test_bodies_that_submit_no_job(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for body, status, pointer in BODIES:
        with subtests.test(body=body, status=status, pointer=pointer):
            problem = assert_problem(await client.post("/api/jobs", content=body, headers=JSON), status)

            assert "datetime." not in str(problem)
            if pointer is not None:
                assert pointer in [error["pointer"] for error in problem["errors"]]
            assert (await client.get("/api/jobs")).json() == {"items": []}


NOT_JSON = [
    {},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "application/json; charset=utf-16"},
    {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    {"Content-Type": ";;;"},
]


async def test_bodies_that_are_not_said_to_be_json(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for headers in NOT_JSON:
        with subtests.test(headers=headers):
            assert_problem(
                await client.post("/api/jobs", content=b"{}", headers=headers), 415, "unsupported_media_type"
            )


QUERIES = [
    ("/api/jobs?limit=0", "/query/limit"),
    ("/api/jobs?limit=501", "/query/limit"),
    ("/api/jobs?limit=-1", "/query/limit"),
    ("/api/jobs?limit=ten", "/query/limit"),
    ("/api/jobs?limit=1&limit=2", "/query/limit"),
    ("/api/jobs?limit=99999999999999999999999", "/query/limit"),
    ("/api/jobs?cursor=", "/query/cursor"),
    ("/api/jobs?createdAfter=5", "/query/createdAfter"),
    ("/api/jobs?stauts=ERROR", "/query/stauts"),
    ("/api/jobs?status=RUN", "/query/status"),
    ("/api/jobs?status=RUNNING,", "/query/status"),
    ("/api/jobs?createdAfter=yesterday", "/query/createdAfter"),
    ("/api/jobs?createdAfter=2026-01-01", "/query/createdAfter"),
    ("/api/jobs?createdBefore=2026-01-01T00:00:00", "/query/createdBefore"),
    ("/api/jobs?q=%00", "/query/q"),
    ("/api/jobs?envId=a%00", "/query/envId"),
    ("/api/jobs?a%00=1", "/query/a\x00"),
    ("/api/workers?cursor=%25%25", "/query/cursor"),
    ("/api/job-types?cursor=AA", "/query/cursor"),
    ("/api/envs?cursor=_w", "/query/cursor"),
    ("/api/envs/default/tables/t_1/rows?offset=-1", "/query/offset"),
    ("/api/envs/default/tables/t_1/rows?offset=9007199254740992", "/query/offset"),
    ("/api/envs/default/tables/t_1/rows?offset=0&cursor=AA", "/query/offset"),
    ("/api/stats?to=9999-12-31T00:00:00Z", "/query/to"),
    ("/api/stats?from=1066-10-14T00:00:00Z", "/query/from"),
    ("/api/stream?lastEventId=abc", "/query/lastEventId"),
    ("/api/stream?lastEventId=-1", "/query/lastEventId"),
    ("/api/stream?lastEventId=99999999999999999999", "/query/lastEventId"),
]


async def test_queries_that_make_no_sense(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for path, pointer in QUERIES:
        with subtests.test(path=path, pointer=pointer):
            problem = assert_problem(await client.get(path), 422)

            assert pointer in [error["pointer"] for error in problem["errors"]]


CURSORS = ["x", "AAAA", "bnVsbA", "W10", "WyJhIiwiYiJd", "WyIyMDI2LTAxLTAxIiwiXHUwMDAwIl0", "é"]


async def test_cursors_that_no_list_gave(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for cursor in CURSORS:
        with subtests.test(cursor=cursor):
            problem = assert_problem(await client.get("/api/jobs", params={"cursor": cursor}), 422, "invalid_cursor")
            assert [error["pointer"] for error in problem["errors"]] == ["/query/cursor"]


async def test_a_time_that_is_too_late_is_told_in_words(client: httpx.AsyncClient) -> None:
    problem = assert_problem(await client.get("/api/stats?to=9999-12-31T00:00:00Z"), 422)
    assert problem["errors"] == [{"pointer": "/query/to", "message": "It must be between 1970-01-02 and 3000-01-01."}]


async def test_a_cursor_of_another_list(client: httpx.AsyncClient) -> None:
    for name in ("one", "two"):
        assert (await client.post("/api/envs/default/areas", json={"name": name})).status_code == 201
        assert (await client.post("/api/jobs", json={"type": "PLAIN", "envId": "default"})).status_code == 201
    lists = {path: (await client.get(path, params={"limit": 1})).json() for path in PAGED}
    cursors = {path: page["nextCursor"] for path, page in lists.items()}
    for path in PAGED:
        for other, cursor in cursors.items():
            answer = await client.get(path, params={"cursor": cursor})
            if path == other:
                assert answer.status_code == 200
            else:
                assert_problem(answer, 422, "invalid_cursor")


PAGED = ("/api/jobs", "/api/job-types", "/api/envs/default/areas")


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/cancel", "/api/envs/default/areas"])
async def test_two_idempotency_keys_that_differ(client: httpx.AsyncClient, path: str) -> None:
    body = {"name": "two keys"} if path.endswith("areas") else {"type": "PLAIN", "envId": "default"}
    keys = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    problem = assert_problem(await client.post(path, json=body, headers=[*client.headers.items(), *keys]), 422)

    assert [error["pointer"] for error in problem["errors"]] == ["/headers/Idempotency-Key"]
    assert (await client.get("/api/jobs")).json() == {"items": []}


async def test_a_time_with_a_plus_that_nobody_encoded(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/jobs?createdAfter=2026-01-01T00:00:00+02:00")

    assert response.status_code == 200


async def test_a_bulk_call_without_a_filter_is_refused(client: httpx.AsyncClient) -> None:
    for verb in ("cancel", "retry"):
        assert_problem(await client.post(f"/api/jobs/{verb}"), 422, "filter_required")
        assert_problem(await client.post(f"/api/jobs/{verb}", json={}), 422, "filter_required")
        assert_problem(await client.post(f"/api/jobs/{verb}?stauts=ERROR"), 422)
        assert_problem(await client.post(f"/api/jobs/{verb}", json={"stauts": "ERROR"}), 422)


async def test_a_bulk_call_with_a_filter_of_two_values_is_refused(client: httpx.AsyncClient) -> None:
    job = (await client.post("/api/jobs", json={"type": "PLAIN", "envId": "default"})).json()
    for verb in ("cancel", "retry"):
        query = {"envId": "default", "type": "OTHER"}
        response = await client.post(f"/api/jobs/{verb}", params=query, json={"envId": "default", "type": ["PLAIN"]})
        problem = assert_problem(response, 422, "invalid_request")
        assert problem["errors"] == [{"pointer": "/type", "message": "differs from /query/type"}]
    assert (await client.get(f"/api/jobs/{job['jobId']}")).json()["status"] == "PENDING"
    both = await client.post("/api/jobs/cancel", params={"envId": "default"}, json={"type": "PLAIN", "q": job["jobId"]})
    assert (both.status_code, both.json()) == (202, {"matched": 1})


async def test_a_batch_is_refused_as_a_whole_and_names_the_place(client: httpx.AsyncClient) -> None:
    good = {"type": "PLAIN", "envId": "default"}

    problem = assert_problem(
        await client.post("/api/jobs/batch", json={"jobs": [good, {**good, "params": {"x": 1}}]}), 422, "invalid_params"
    )

    assert problem["errors"][0]["pointer"] == "/jobs/1/params/x"
    assert_problem(await client.post("/api/jobs/batch", json={"jobs": []}), 422)
    assert_problem(await client.post("/api/jobs/batch", json={"jobs": [good] * 1001}), 422)
    assert (await client.get("/api/jobs")).json() == {"items": []}


KEYS = ["", "x" * 256, "a" * 10_000]


async def test_idempotency_keys_that_are_none(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for key in KEYS:
        with subtests.test(key=key):
            response = await client.post(
                "/api/jobs", json={"type": "PLAIN", "envId": "default"}, headers={"Idempotency-Key": key}
            )

            problem = assert_problem(response, 422)
            assert problem["errors"][0]["pointer"] == "/headers/Idempotency-Key"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def read(body: bytes) -> tuple[Any, int | None]:
    """What the strict reader makes of it, or the status with which it is refused."""
    try:
        return parse_json(body), None
    except InputError as refused:
        return None, refused.status


@given(JSON_VALUES)
def test_what_the_strict_reader_takes_it_gives_back(value: Any) -> None:
    text = json.dumps(value)
    value_read, refused = read(text.encode())
    assert refused in (400, 422) if refused else value_read == json.loads(text)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_strict_reader(body: bytes) -> None:
    assert read(body)[1] in (None, 400, 422)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(body=JSON_VALUES)
async def test_no_json_value_breaks_the_submission(client: httpx.AsyncClient, body: Any) -> None:
    response = await client.post("/api/jobs", content=json.dumps(body).encode(), headers=JSON)

    assert_problem(response)
