"""The API's documentation for people, rendered here from the OpenAPI document: no script, nothing from outside."""

import html
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from stepmill.api.answers import answer
from stepmill.api.console import page
from stepmill.api.requests import ApiRoute

router = APIRouter(route_class=ApiRoute, include_in_schema=False)

_STYLE = Path(__file__).with_name("docs.css")
_METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return answer(request.app.openapi())


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The OpenAPI document as a page."""
    return page(render(request.app.openapi()), title="API", style="/docs.css")


@router.get("/docs.css")
async def style() -> Response:
    """How that page looks."""
    return FileResponse(_STYLE, media_type="text/css")


def render(document: Mapping[str, Any]) -> str:
    """The body of the page."""
    operations = list(_operations(document))
    return "".join(
        [
            '<header class="bar"><a class="mark" href="/">Stepmill</a><p class="link-state">HTTP API ',
            _text(document["info"]["version"]),
            '</p><nav aria-label="Site"><a href="/openapi.json">OpenAPI</a></nav></header><main class="docs">',
            f"<h1>HTTP API</h1><p>{_text(document['info'].get('description', ''))}</p>",
            '<ul class="index">',
            *(
                f'<li><a href="#{_anchor(method, path)}">{_method(method)}{_text(path)}</a></li>'
                for method, path, _ in operations
            ),
            "</ul>",
            *(_article(document, method, path, operation) for method, path, operation in operations),
            "</main>",
        ]
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield method, path, methods[method]


def _article(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [
        f'<article id="{_anchor(method, path)}"><h2>{_method(method)}<code>{_text(path)}</code></h2>',
        f"<p><strong>{_text(operation.get('summary', ''))}.</strong> {_text(operation.get('description', ''))}</p>",
        _parameters(operation.get("parameters", [])),
    ]
    body = operation.get("requestBody", {}).get("content", {})
    for media_type, content in body.items():
        parts.append(f"<h3>Body: {_text(media_type)}</h3>{_schema(document, content)}")
    parts.append("<h3>Answers</h3>")
    for status, response in sorted(operation.get("responses", {}).items()):
        content = response.get("content", {})
        shown = _schema(document, next(iter(content.values()))) if content and status.startswith("2") else ""
        parts.append(f"<p><strong>{_text(status)}</strong> {_text(response.get('description', ''))}</p>{shown}")
    return "".join(parts) + "</article>"


def _parameters(parameters: list[Mapping[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><th><code>{_text(each['name'])}</code></th>"
        f"<td>{_text(each['in'])}{', required' if each.get('required') else ''}</td>"
        f"<td>{_text(each.get('description') or each.get('schema', {}).get('description', ''))}</td></tr>"
        for each in parameters
    )
    return f"<table><thead><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr></thead><tbody>{rows}</tbody></table>"


def _schema(document: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    schema = _resolved(document, content.get("schema", {}))
    fields = "".join(
        f"<tr><th><code>{_text(name)}</code></th><td>{_text(_kind(document, field))}</td>"
        f"<td>{_text(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    table = (
        f"<table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>{fields}</tbody></table>"
        if fields
        else ""
    )
    example = content.get("example", schema.get("example"))
    shown = "" if example is None else f"<pre>{_text(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"
    return table + shown


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        found: Mapping[str, Any] = document["components"]["schemas"][name]
        return found
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return _resolved(document, choices[0]) if len(choices) == 1 else schema


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(document, choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _method(method: str) -> str:
    return f'<span class="method">{method.upper()}</span>'


def _anchor(method: str, path: str) -> str:
    return html.escape(f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}")


def _text(value: object) -> str:
    return html.escape(str(value))
