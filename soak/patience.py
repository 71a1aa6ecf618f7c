"""Calls that are made again while an api, the network or PostgreSQL is away: that is no violation."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import httpx
import psycopg
from tests.support.checksums import Connection

from soak.deployment import Deployment
from stepmill.client import Client
from stepmill.errors import StepmillError, UnavailableError

Answer = TypeVar("Answer")

LOST_SECONDS = 150.0
"""A job that is not at rest so long after the faults ended, and a call that fails for so long, count as lost."""
ROUND_SECONDS = 0.25


class Violation(Exception):  # noqa: N818  (it is what was found, not what went wrong here)
    """A promise that was not kept."""


class Patient:
    """Clients of all apis. A call that fails by one is made again by the next. A context manager."""

    def __init__(self, deployment: Deployment) -> None:
        self._clients = [Client(url, deployment.token, retries=0, timeout=10) for url in deployment.urls]
        self._stack = ExitStack()

    def __enter__(self) -> "Patient":
        for client in self._clients:
            self._stack.enter_context(client)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def call(self, call: Callable[[Client], Answer]) -> Answer:
        """The call's answer."""

        def of_first() -> Answer:
            try:
                return call(self._clients[0])
            except (httpx.TransportError, UnavailableError):
                self._clients.append(self._clients.pop(0))
                raise

        return patiently(of_first)

    def try_to(self, call: Callable[[Client], object]) -> None:
        """The same for a cancel or a retry, which may come too late."""
        try:
            self.call(call)
        except StepmillError as error:
            if error.code not in ("not_cancellable", "not_retryable", "step_too_late"):
                raise


def patiently(call: Callable[[], Answer]) -> Answer:
    """Call until there is an answer."""
    deadline = time.monotonic() + LOST_SECONDS
    while True:
        try:
            return call()
        except (httpx.TransportError, UnavailableError, psycopg.OperationalError):
            if time.monotonic() > deadline:
                raise
        time.sleep(ROUND_SECONDS)


@contextmanager
def looking(deployment: Deployment) -> Iterator[Connection]:
    """A superuser's connection, not through the proxy."""
    url = deployment.postgres.superuser_url
    with psycopg.connect(url, dbname="stepmill", application_name="soak", autocommit=True, connect_timeout=5) as conn:
        conn.execute("SET search_path = stepmill; SET timezone = 'UTC'")
        yield conn
