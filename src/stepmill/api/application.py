"""The api as one ASGI application, built from parts that are given to it."""

import re
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psycopg
import psycopg_pool
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from stepmill import __version__
from stepmill.api import (
    areas,
    console,
    docs,
    environments,
    files,
    health,
    jobs,
    loads,
    plans,
    scan,
    session,
    stats,
    streams,
    tables,
    workers,
)
from stepmill.api.admission import AdmissionMiddleware, Lane, Lanes, streams_within_files
from stepmill.api.callers import AuthenticationMiddleware
from stepmill.api.console_files import client_files, console_files
from stepmill.api.head import HeadMiddleware
from stepmill.api.limits import AllowedHosts, HostsMiddleware, LingerMiddleware, SecurityHeadersMiddleware
from stepmill.api.observe import HttpMetrics, ObserveMiddleware
from stepmill.api.openapi import describe
from stepmill.api.parts import ApiParts
from stepmill.api.problems import problem_for
from stepmill.api.sse import EventStream
from stepmill.errors import StepmillError
from stepmill.settings import Settings

_RESOURCES = (
    jobs,
    streams,
    workers,
    stats,
    session,
    environments,
    areas,
    files,
    scan,
    plans,
    tables,
    loads,
    health,
    docs,
    console,
)
# Its own spans show queries, of which one has a login code, and its own logs the texts of exceptions. Ours do neither.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
_Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


def create_api(parts: ApiParts) -> FastAPI:
    """The application. Its state holds nothing but ``parts``, so any number may live in one process."""
    settings = parts.engine.settings
    metrics = HttpMetrics(parts.metrics)
    metrics.readers.set_function(lambda: parts.hub.readers)
    parts.streams.on_drop = metrics.readers_dropped.inc
    routers = [resource.router for resource in _RESOURCES]
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    with_head = [route.path_regex for route in routes if _answers_head(route)]
    on_error = _error_handler(_methods_by_path(routes))
    app = FastAPI(
        title="Stepmill",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        lifespan=_closing(parts),
        middleware=[
            Middleware(ObserveMiddleware, metrics, lambda: parts.streams.is_closed),
            Middleware(SecurityHeadersMiddleware),
            Middleware(LingerMiddleware),
            Middleware(HostsMiddleware, AllowedHosts(settings.allowed_hosts.split(","))),
            Middleware(AuthenticationMiddleware, parts.authenticator),
            Middleware(AdmissionMiddleware, _lanes(settings, routes), metrics),
            Middleware(HeadMiddleware, with_head),
        ],
        exception_handlers=dict.fromkeys(
            (
                StepmillError,
                HTTPException,
                RequestValidationError,
                ClientDisconnect,
                psycopg.Error,
                psycopg_pool.PoolTimeout,
            ),
            on_error,
        ),
    )
    app.state.parts = parts
    app.state.metrics = metrics
    app.state.max_request_bytes = settings.max_request_bytes
    for router in routers:
        app.include_router(router)
    app.mount("/static/client", client_files(), name="client")
    app.mount("/static", console_files(), name="console")
    describe(app)
    return app


def _lanes(settings: Settings, routes: Sequence[APIRoute]) -> Lanes:
    return Lanes(
        Lane("requests", settings.max_requests),
        Lane("uploads", settings.max_uploads),
        Lane("streams", streams_within_files(settings.max_streams)),
        upload_paths=[route.path_regex for route in routes if route.endpoint is files.upload_file],
        stream_paths=[route.path_regex for route in routes if route.response_class is EventStream],
    )


def _closing(parts: ApiParts) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await parts.preview_pool.close()

    return lifespan


def _error_handler(methods: list[tuple[re.Pattern[str], set[str]]]) -> _Handler:
    async def on_error(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            error = HTTPException(405, headers={"Allow": _allowed(methods, request.url.path) or "GET, HEAD"})
        answer = problem_for(error, request_id=request.state.request_id)
        if answer.status_code == 404 and console.reads_pages(request):
            return console.not_found_page()
        if answer.status_code == 500:
            raise error  # the outermost middleware logs what nobody foresaw, and then answers the same
        return answer

    return on_error


def _answers_head(route: APIRoute) -> bool:
    """Every GET but those that go on for ever, and the one that uses up a code."""
    return (
        "GET" in (route.methods or ()) and route.response_class is not EventStream and route.path != console.LOGIN_PATH
    )


def _methods_by_path(routes: Sequence[APIRoute]) -> list[tuple[re.Pattern[str], set[str]]]:
    return [
        (route.path_regex, (route.methods or set()) | ({"HEAD"} if _answers_head(route) else set())) for route in routes
    ]


def _allowed(methods: list[tuple[re.Pattern[str], set[str]]], path: str) -> str:
    """All methods of an address: several routes share it, and the one that refused knows only its own."""
    return ", ".join(sorted({method for pattern, known in methods if pattern.match(path) for method in known}))
