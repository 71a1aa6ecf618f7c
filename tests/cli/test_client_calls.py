"""Every call of the Python client is one that the server describes, down to the names in query and body."""

import inspect
import re
from typing import Any

import httpx
import pytest

from stepmill.client import calls
from stepmill.client.calls import Call
from tests.cli.processes import Serve

ARGUMENTS: dict[str, Any] = {
    "request": calls.job_request("FILE_ETL", {}, "default", {"priority": 1, "max_attempts": 1, "timeout_seconds": 1.0}),
    "requests": [],
    "filters": {"status": "DONE", "type": "X", "env_id": "e", "q": "x"},
    "page": {"limit": 1, "cursor": "c"},
    "query": {"from": "2030-01-01T00:00:00Z", "step_seconds": 60},
    "load_mode": "append",
    "key_columns": ["id"],
    "source": {"url": "s3://x", "glob": "*"},
    "changes": {"name": "x", "load_mode": "append", "key_columns": ["id"]},
    "rows": "keep",
    "limit": 1,
    "version": 1,
    "base_version": 1,
    "after": "1",
    "plan": {},
}


def all_calls() -> list[tuple[str, Call[Any]]]:
    found = []
    for name, function in vars(calls).items():
        if inspect.isfunction(function) and function.__module__ == calls.__name__ and _gives_a_call(function):
            arguments = [ARGUMENTS.get(parameter, parameter) for parameter in inspect.signature(function).parameters]
            found.append((name, function(*arguments)))
    return found


def _gives_a_call(function: Any) -> bool:
    return not function.__name__.startswith("_") and "Call[" in str(inspect.signature(function).return_annotation)


@pytest.fixture(scope="module")
def openapi(server: Serve) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    return document


@pytest.mark.parametrize(("name", "call"), all_calls(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_server_knows_it(openapi: dict[str, Any], name: str, call: Call[Any]) -> None:
    operation = find(openapi, call)
    known = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
    assert set(call.query) <= known
    if isinstance(call.body, dict) and name not in ("put_plan", "preview_plan"):
        assert set(call.body) <= fields_of(openapi, operation)


def find(openapi: dict[str, Any], call: Call[Any]) -> dict[str, Any]:
    """The operation of a call: of several addresses that fit, the one with the fewest variables."""
    fitting = [path for path in openapi["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), call.path)]
    assert fitting, f"the server has no {call.path}"
    operation: dict[str, Any] = openapi["paths"][min(fitting, key=lambda path: path.count("{"))][call.method.lower()]
    return operation


def fields_of(openapi: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    schemas = [schema, *schema.get("anyOf", []), *schema.get("allOf", [])]
    fields: set[str] = set()
    for part in schemas:
        name = part.get("$ref", "").rpartition("/")[2]
        fields |= set((openapi["components"]["schemas"][name] if name else part).get("properties", {}))
    return fields
