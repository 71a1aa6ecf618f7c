"""Sends calls and follows streams, asynchronously."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
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


class AsyncSender:
    """Owns the connections to one server."""

    def __init__(self, connection: Connection, transport: httpx.AsyncBaseTransport | None) -> None:
        self._connection = connection
        self._http = httpx.AsyncClient(
            base_url=connection.url,
            timeout=connection.timeout,
            transport=transport,
            trust_env=connection.uses_proxies,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[Result], upload: Upload | None = None) -> Result:
        """The call's result; sent again after a failure where the policy allows it."""
        attempt = 0
        while True:
            try:
                response = await self._http.send(self._build(call, upload))
                wait = self._connection.retries.wait_after_answer(call, response, attempt)
            except httpx.TransportError as error:
                wait = self._connection.retries.wait_after_failure(call, attempt)
                if wait is None:
                    raise self._connection.unreachable(error) from error
            else:
                if wait is None:
                    return self._connection.answer(call, response)
            await asyncio.sleep(wait)
            attempt += 1

    async def follow(self, call: Call[None], after: str | int | None) -> AsyncGenerator[Event]:
        """The events of a stream from `after` on, over as many connections as it takes."""
        follower = Follower(after)
        while True:
            failure: Exception | None = None
            try:
                async with aclosing(self._read_stream(call, follower)) as events:
                    async for event in events:
                        yield event
            except (httpx.TransportError, UnavailableError) as error:
                failure = error
            if follower.ended:
                return
            await asyncio.sleep(self._connection.wait_before_reconnect(follower, failure))

    def _build(self, call: Call[Any], upload: Upload | None) -> httpx.Request:
        if upload is None:
            return self._http.build_request(**self._connection.request(call))
        request = self._connection.request(call, upload.headers())
        return self._http.build_request(**request, content=upload.chunks_async())

    async def _read_stream(self, call: Call[None], follower: Follower) -> AsyncGenerator[Event]:
        parser = SseParser()
        response = await self._http.send(
            self._http.build_request(**self._connection.stream_request(call, follower)), stream=True
        )
        try:
            if response.status_code >= 400:
                raise error_of(response.status_code, response.headers, await response.aread())
            follower.connected = True
            follower.ended = response.status_code == 204
            async for chunk in response.aiter_bytes():
                for event in parser.feed(chunk):
                    yield follower.saw(event)
                follower.stands_at(parser.last_id)
        finally:
            await response.aclose()
