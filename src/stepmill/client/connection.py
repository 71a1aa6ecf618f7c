"""Where the server is and how a call is sent there: all that both clients share and that does no input or output."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from stepmill.client.calls import Call
from stepmill.client.problems import error_of
from stepmill.client.retries import RetryPolicy, wait_before
from stepmill.client.sse import Follower
from stepmill.client.tokens import service_headers
from stepmill.errors import StepmillError, UnavailableError

DEFAULT_URL = "http://127.0.0.1:8080"
STREAM_SILENCE_SECONDS = 45.0
"""A stream beats more often than this, so one that is silent for longer is dead."""

Credentials = Callable[[], Mapping[str, str]]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Connection:
    """The server's address, the caller's credentials, and how patient the caller is."""

    url: str
    credentials: Credentials
    timeout: httpx.Timeout
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    reconnects: int = 30
    """How often in a row a broken stream is opened again, without any event, before that counts as an error."""

    @classmethod
    def create(cls, url: str | None, token: str | None, timeout: float, retries: int) -> "Connection":
        """From arguments, and from the environment where they are missing."""
        address = (url or os.environ.get("STEPMILL_URL") or DEFAULT_URL).rstrip("/")
        credentials = service_headers if token is None else _bearer(token)
        return cls(address, credentials, httpx.Timeout(timeout, connect=5.0), RetryPolicy(retries))

    @property
    def uses_proxies(self) -> bool:
        """A proxy can't reach a server on this machine's loopback address."""
        return httpx.URL(self.url).host not in {"127.0.0.1", "localhost", "::1"}

    def request(self, call: Call[object], extra: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The arguments of httpx's `build_request`. Credentials are made anew each time: a token lives minutes only."""
        headers = {"Accept": "application/json", **self.credentials(), **(extra or {})}
        if call.idempotency_key is not None:
            headers["Idempotency-Key"] = call.idempotency_key
        arguments: dict[str, Any] = {"method": call.method, "url": call.path, "params": dict(call.query)}
        if call.body is not None:
            arguments["content"] = json.dumps(call.body, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        return {**arguments, "headers": headers}

    def stream_request(self, call: Call[object], follower: Follower) -> dict[str, Any]:
        """The same for an event stream."""
        timeout = httpx.Timeout(self.timeout.connect, read=STREAM_SILENCE_SECONDS)
        return {**self.request(call, follower.headers()), "extensions": {"timeout": timeout.as_dict()}}

    def wait_before_reconnect(self, follower: Follower, error: Exception | None) -> float:
        """Seconds to wait before a stream is opened again; raises `error` when it was tried often enough."""
        tries = self.reconnects if follower.connected else self.retries.retries
        if error is not None and follower.failures >= tries:
            raise self.unreachable(error) if isinstance(error, httpx.TransportError) else error
        follower.failures += 1
        return wait_before(follower.failures)

    def answer(self, call: Call[Result], response: httpx.Response) -> Result:
        """The result that an answer carries, or its error raised."""
        if response.status_code >= 400:
            raise error_of(response.status_code, response.headers, response.content)
        if response.status_code == 204 or not response.content:
            return None  # type: ignore[return-value]  # only calls whose Result is None are answered so
        try:
            result: Result = response.json()
        except ValueError as error:
            raise StepmillError("not_stepmill", f"What answers at {self.url} is not a Stepmill server.") from error
        return result

    def unreachable(self, error: httpx.TransportError) -> UnavailableError:
        """No answer came."""
        return UnavailableError("server_unreachable", f"The Stepmill server at {self.url} does not answer: {error}")


def _bearer(token: str) -> Credentials:
    headers = {"Authorization": f"Bearer {token}"}
    return lambda: headers
