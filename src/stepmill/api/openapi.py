"""The OpenAPI document: FastAPI's, with our errors in the place of its own and the ways to prove who calls."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from stepmill.api.problems import PROBLEM_JSON
from stepmill.api.schemas import Problem

_DESCRIPTION = (
    "Jobs that turn files into typed tables. JSON is camelCase, times are RFC 3339 in UTC, ids are opaque. "
    "Lists answer {items, nextCursor?} and take limit and cursor. Every write may carry Idempotency-Key. "
    "Errors are RFC 9457 problem details with a stable code."
)
_OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_REF = "#/components/schemas/{model}"


def describe(app: FastAPI) -> None:
    """Give ``app`` its document, made at the first call and then kept."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(by_alias=True, ref_template=_REF)
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "The local token, or a service JWT."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "stepmill_session",
            "description": "A browser's session.",
        },
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _mend(path, operation)
    return document


def _mend(path: str, operation: dict[str, Any]) -> None:
    operation["security"] = [] if path in _OPEN_PATHS else [{"bearer": []}, {"session": []}]
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = {
        "description": "A problem; see its code.",
        "content": {PROBLEM_JSON: {"schema": {"$ref": _REF.format(model="Problem")}}},
    }
