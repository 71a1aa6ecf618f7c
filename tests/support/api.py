"""The api over a real engine and database, called in the test's own process or over a loopback socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from stepmill.api.application import create_api
from stepmill.api.parts import ApiParts
from stepmill.api.preview_pool import PreviewPool
from stepmill.api.sse import EventStream
from stepmill.auth import Authenticator, Principal, RoleName, new_secret, sign_service_token
from stepmill.cli.supervision.http import HttpServer
from stepmill.cli.supervision.listening import listen, url_of
from tests.support.engine import Bench

TOKEN = "a-local-token-for-tests"
SECRET = "0123456789abcdef0123456789abcdef"
LOCAL_USER = Principal("local", "local", frozenset({"administrator"}))


@dataclass(frozen=True)
class Api:
    """The application, its parts, and the engine behind it."""

    app: FastAPI
    parts: ApiParts
    bench: Bench

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client in this process. Without headers it is the local user, with all rights."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://localhost",
            headers=headers or {"Authorization": f"Bearer {TOKEN}"},
        )

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """The base address of a real server on a free loopback port."""
        server = HttpServer(self.app)
        with listen("127.0.0.1", 0) as listener:
            running = asyncio.create_task(server.serve(sockets=[listener]))
            running.add_done_callback(lambda _: server.taking_requests.set())
            await server.taking_requests.wait()
            try:
                yield url_of(listener)
            finally:
                server.end()
                await running


def make_api(bench: Bench) -> Api:
    """The api over ``bench``."""

    async def not_ready() -> list[str]:
        return []

    authenticator = Authenticator(
        service_secret=SECRET, local_token=TOKEN, session_secret=new_secret(), local_user=LOCAL_USER
    )
    parts = ApiParts(
        engine=bench.engine,
        hub=bench.hub,
        gateways=bench.gateways,
        authenticator=authenticator,
        preview_pool=PreviewPool(memory_bytes=1024**3),
        not_ready=not_ready,
    )
    return Api(create_api(parts), parts, bench)


def hurry_streams(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Streams with other times than a server's: ``heartbeat_seconds``, ``recheck_seconds``."""
    given = EventStream.__init__.__kwdefaults__ or {}
    assert seconds.keys() <= given.keys()
    monkeypatch.setattr(EventStream.__init__, "__kwdefaults__", given | seconds)


def bearer(*roles: RoleName, tenant: str = "local", subject: str = "someone", **claims: Any) -> dict[str, str]:
    """Headers of a service that calls with these roles."""
    token = sign_service_token(SECRET, issuer="tests", subject=subject, tenant_id=tenant, roles=roles, **claims)
    return {"Authorization": f"Bearer {token}"}
