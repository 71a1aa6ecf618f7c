"""Both clients as one: each test of behaviour runs with the synchronous and with the asynchronous one."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from stepmill.client import AsyncClient, Client, connection, retries

Use = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once, and credentials are the test's own."""
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(connection, "DEFAULT_URL", "http://127.0.0.1:9")
    for name in ("STEPMILL_TOKEN", "STEPMILL_SERVICE_SECRET", "STEPMILL_TENANT", "STEPMILL_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=[Client, AsyncClient])
def use(request: pytest.FixtureRequest) -> Use:
    """Calls one method, as in `await use(url, "get_job", "j1")`. Streams come back as lists."""

    async def call(url: str, method: str, *args: Any, **kwargs: Any) -> Any:
        client = request.param(url, "a token")
        try:
            result = getattr(client, method)(*args, **kwargs)
            if inspect.isawaitable(result):
                return await result
            if inspect.isasyncgen(result):
                return [event async for event in result]
            return list(result) if inspect.isgenerator(result) else result
        finally:
            closing = client.close()
            if closing is not None:
                await closing

    return call
