"""Refusing early and politely: hosts and origins not on the list, and bodies that nobody will read."""

import asyncio
import contextlib
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stepmill.api.problems import problem_for
from stepmill.errors import ForbiddenError

LINGER_SECONDS = 2.0
"""How long an answered request may go on sending the rest of its body."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

_PROBES = frozenset({"/healthz", "/readyz"})


class AllowedHosts:
    """The hosts by which this installation may be called: names, ``name:port``, ``*.domain``, or ``*`` for all."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = [entry.strip().lower() for entry in entries if entry.strip()]

    def allow(self, netloc: str) -> bool:
        """Whether ``netloc``, a host with or without a port, is on the list."""
        netloc = netloc.lower()
        host = netloc if netloc.endswith("]") else netloc.rsplit(":", 1)[0] if ":" in netloc else netloc
        return any(self._matches(entry, host, netloc) for entry in self._entries)

    @staticmethod
    def _matches(entry: str, host: str, netloc: str) -> bool:
        if entry == "*":
            return True
        if entry.startswith("*."):
            return host.endswith(entry[1:])
        return entry in (host, netloc)


class HostsMiddleware:
    """Refuses a ``Host`` or ``Origin`` that is not on the list.

    So no page elsewhere can reach a local server by a name of its own that points to this machine.
    """

    def __init__(self, app: ASGIApp, allowed: AllowedHosts) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["path"] not in _PROBES:
            # Prometheus comes by the address of each process, which nobody can list.
            refusal = self._refusal(Headers(scope=scope), any_host=scope["path"] == "/metrics")
            if refusal:
                response = problem_for(refusal, request_id=scope["state"].get("request_id"))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers, *, any_host: bool) -> ForbiddenError | None:
        host = headers.get("host", "")
        if not any_host and not self._allowed.allow(host):
            return ForbiddenError(
                "host_not_allowed", f"This server does not answer as {host[:100]!a}. See STEPMILL_ALLOWED_HOSTS."
            )
        origin = headers.get("origin")
        if origin is not None and not self._allowed.allow(origin_host(origin)):
            return ForbiddenError("origin_not_allowed", f"Pages of {origin[:100]!a} may not call this server.")
        return None


def origin_host(origin: str) -> str:
    """Host and port of an ``Origin``; empty for one that names none, such as ``null``."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


class LingerMiddleware:
    """Sends an answer that comes before the body was read at once, then lets the client finish sending for a moment.

    Closing while data is on its way makes the system reset the connection, and a client that is still sending would
    see that instead of the answer. What arrives meanwhile is thrown away.
    """

    def __init__(self, app: ASGIApp, seconds: float = LINGER_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        read_all = False

        async def receive_and_note() -> Message:
            nonlocal read_all
            message = await receive()
            read_all = read_all or message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def send_then_linger(message: Message) -> None:
            if message["type"] == "http.response.start" and not read_all:
                MutableHeaders(scope=message)["Connection"] = "close"
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if not last or read_all:
                await send(message)
                return
            await send({**message, "more_body": True})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    while not read_all:
                        await receive_and_note()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, receive_and_note, send_then_linger)


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


class SecurityHeadersMiddleware:
    """Headers that every answer carries; a page that shows something widens its own policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
