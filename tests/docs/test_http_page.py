"""Each route of the OpenAPI document has its section in docs/http.md, which names all that it takes and its role."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from stepmill.gateways.sql.database import Database
from tests.docs.pages import DOCS
from tests.support.api import Api, make_api
from tests.support.engine import Bench

PAGE = (DOCS / "http.md").read_text()
SECTIONS = dict(re.findall(r"^### `(\w+ /\S+)`\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S))


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """The api over a database that nothing connects to."""
    return make_api(Bench(Database("postgresql://nobody@localhost/none", application_name="docs"), tmp_path, ()))


def test_each_route_has_its_section(api: Api) -> None:
    paths = api.app.openapi()["paths"]
    assert sorted(SECTIONS) == sorted(f"{method.upper()} {path}" for path in paths for method in paths[path])


def test_each_section_names_all_that_is_taken(api: Api) -> None:
    document = api.app.openapi()
    missing = [
        f"{method.upper()} {path}: {name}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for name in _taken(document, operation)
        if not re.search(rf"`{{?{re.escape(name)}}}?`", SECTIONS[f"{method.upper()} {path}"])
    ]
    assert not missing


def test_each_section_names_the_role(api: Api) -> None:
    for route in api.app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema and route.path.startswith("/api/"):
            roles = {_role_of(call) for call in _calls(route)}
            for method in route.methods or ():
                said = re.findall(r"Role\s`(\w+)`", SECTIONS[f"{method} {route.path}"])
                assert said == sorted(filter(None, roles)), f"{method} {route.path}"


def _taken(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """Names of the query parameters, and of the fields of a JSON body."""
    names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for schema in [body, *body.get("anyOf", [])]:
        if "$ref" in schema:
            names += document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
    return names


def _calls(route: APIRoute) -> list[Any]:
    pending, found = [route.dependant], []
    while pending:
        dependant = pending.pop()
        found.append(dependant.call)
        pending.extend(dependant.dependencies)
    return found


def _role_of(call: Any) -> str | None:
    """The role that a dependency asks for, as `stepmill.api.callers` keeps it."""
    if getattr(call, "__name__", "") != "principal_with_role":
        return None
    return str(
        dict(zip(call.__code__.co_freevars, (cell.cell_contents for cell in call.__closure__), strict=True))["role"]
    )
