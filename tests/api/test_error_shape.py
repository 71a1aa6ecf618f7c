"""Every error of every route is a problem, in one shape."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
import structlog

from stepmill.errors import StepmillError
from tests.support.api import Api, bearer
from tests.support.problems import assert_problem

OPEN = {"/healthz", "/readyz", "/metrics"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def filled(path: str, **values: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], "nothing-like-it"), path)


async def test_every_route_wants_to_know_who_calls(api: Api) -> None:
    async with api.client(Accept="*/*") as nobody:
        for method, path, _ in operations(api.app.openapi()):
            if path not in OPEN:
                problem = assert_problem(await nobody.request(method, filled(path)), 401, "authentication_required")
                assert "link" in problem["detail"]


async def test_every_write_needs_more_than_a_viewer(api: Api) -> None:
    async with api.client(**bearer("viewer")) as viewer:
        for method, path, operation in operations(api.app.openapi()):
            if method != "GET" and "preview" not in path:
                response = await viewer.request(method, filled(path, envId="default"), json=example(operation))
                problem = assert_problem(response)
                assert problem["status"] in (403, 422), (method, path, problem)


def example(operation: dict[str, Any]) -> Any:
    content = operation.get("requestBody", {}).get("content", {})
    return None if "application/json" not in content else {}


@pytest.mark.parametrize("env", ["default", "nothing-like-it"])
async def test_every_route_answers_an_unknown_id_with_404(api: Api, client: httpx.AsyncClient, env: str) -> None:
    for method, path, operation in operations(api.app.openapi()):
        ids = re.findall(r"\{(\w+)\}", path)
        if not ids or (ids == ["envId"] and env == "default") or "requestBody" in operation:
            continue
        response = await client.request(method, filled(path, envId=env, version="1"), params=needed(operation))
        assert_problem(response, 404)


def needed(operation: dict[str, Any]) -> dict[str, str]:
    return {
        each["name"]: "x.csv" if each["name"] == "name" else "1"
        for each in operation.get("parameters", [])
        if each["in"] == "query" and each["required"]
    }


ODD = ["%00", "a%00b", "%ff", "%F0%9F%98%80", "a b", "a%2Fb", "'", "x" * 300]


async def test_ids_of_odd_characters_name_nothing(api: Api, client: httpx.AsyncClient) -> None:
    for odd in ODD:
        for method, path, operation in operations(api.app.openapi()):
            for name in re.findall(r"\{(\w+)\}", path):
                if "requestBody" not in operation:
                    values = {"envId": "default", "version": "1", name: odd}
                    assert_problem(await client.request(method, filled(path, **values), params=needed(operation)))


async def test_methods_that_a_route_does_not_have(api: Api, client: httpx.AsyncClient) -> None:
    for path, methods in api.app.openapi()["paths"].items():
        is_stream = "text/event-stream" in str(methods.get("get"))
        known = {method.upper() for method in methods} | ({"HEAD"} if "get" in methods and not is_stream else set())
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "BREW"} - known:
            response = await client.request(method, filled(path, envId="default"))
            if response.status_code == 404:  # another route has this address and method
                continue
            assert response.status_code == 405, (method, path)
            assert set(response.headers["allow"].split(", ")) >= known
            if method != "HEAD":
                assert_problem(response, 405, "method_not_allowed")


async def test_addresses_that_lead_nowhere(client: httpx.AsyncClient) -> None:
    for path in ["/nothing", "/api/nothing", "/api/jobs/", "/static/nothing.js", "/static/../auth.py"]:
        assert_problem(await client.get(path), 404, "not_found")


@pytest.mark.parametrize("kind", [RuntimeError, StepmillError, psycopg.ProgrammingError])
async def test_what_nobody_foresaw_says_nothing_of_the_inside(
    api: Api, client: httpx.AsyncClient, kind: type[Exception]
) -> None:
    @api.app.get("/boom")
    async def boom() -> None:
        inside = "hunter2"
        raise StepmillError("odd", inside) if kind is StepmillError else kind(inside)

    with structlog.testing.capture_logs() as logs:
        response = await client.get("/boom")

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == "internal_error"
    assert "hunter2" not in response.text
    [failed] = [each for each in logs if each["event"] == "request_failed"]
    assert failed["request_id"] == problem["requestId"]
    assert kind.__name__ in failed["traceback"]
    assert "in boom" in failed["traceback"]
    assert ("hunter2" in str(failed)) is (kind is StepmillError)  # a sentence of our own holds no secret


async def test_the_document_describes_every_route(api: Api, client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["responses"]["default"]["content"]["application/problem+json"]
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                assert parameter.get("description") or parameter["schema"].get("description"), (path, parameter)
    assert "HTTPValidationError" not in str(document)


async def test_the_docs_come_with_nothing_from_outside(client: httpx.AsyncClient) -> None:
    response = await client.get("/docs")

    assert response.status_code == 200
    assert "script-src" in response.headers["content-security-policy"]
    assert not re.search(r"<script|style=|https?://|\son\w+=", response.text)
    assert "/api/jobs/{jobId}/stream" in response.text
