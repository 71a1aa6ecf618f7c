"""Sends calls and follows streams, synchronously."""

import time
from collections.abc import Iterator
from typing import Any, TypeVar

import httpx

from stepmill.client.calls import Call
from stepmill.client.connection import Connection
from stepmill.client.problems import error_of
from stepmill.client.results import Event
from stepmill.client.sse import Follower, SseParser
from stepmill.client.uploads import Upload
from stepmill.errors import UnavailableError

Result = TypeVar("Result")


class Sender:
    """Owns the connections to one server."""

    def __init__(self, connection: Connection, transport: httpx.BaseTransport | None) -> None:
        self._connection = connection
        self._http = httpx.Client(
            base_url=connection.url,
            timeout=connection.timeout,
            transport=transport,
            trust_env=connection.uses_proxies,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[Result], upload: Upload | None = None) -> Result:
        """The call's result; sent again after a failure where the policy allows it."""
        attempt = 0
        while True:
            try:
                response = self._http.send(self._build(call, upload))
                wait = self._connection.retries.wait_after_answer(call, response, attempt)
            except httpx.TransportError as error:
                wait = self._connection.retries.wait_after_failure(call, attempt)
                if wait is None:
                    raise self._connection.unreachable(error) from error
            else:
                if wait is None:
                    return self._connection.answer(call, response)
            time.sleep(wait)
            attempt += 1

    def follow(self, call: Call[None], after: str | int | None) -> Iterator[Event]:
        """The events of a stream from `after` on, over as many connections as it takes."""
        follower = Follower(after)
        while True:
            failure: Exception | None = None
            try:
                yield from self._read_stream(call, follower)
            except (httpx.TransportError, UnavailableError) as error:
                failure = error
            if follower.ended:
                return
            time.sleep(self._connection.wait_before_reconnect(follower, failure))

    def _build(self, call: Call[Any], upload: Upload | None) -> httpx.Request:
        if upload is None:
            return self._http.build_request(**self._connection.request(call))
        request = self._connection.request(call, upload.headers())
        return self._http.build_request(**request, content=upload.chunks())

    def _read_stream(self, call: Call[None], follower: Follower) -> Iterator[Event]:
        parser = SseParser()
        response = self._http.send(
            self._http.build_request(**self._connection.stream_request(call, follower)), stream=True
        )
        try:
            if response.status_code >= 400:
                raise error_of(response.status_code, response.headers, response.read())
            follower.connected = True
            follower.ended = response.status_code == 204
            for chunk in response.iter_bytes():
                for event in parser.feed(chunk):
                    yield follower.saw(event)
                follower.stands_at(parser.last_id)
        finally:
            response.close()
