"""What the api is made of, built by the composition root and handed in."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from stepmill.api.preview_pool import PreviewPool
from stepmill.api.sse import OpenStreams
from stepmill.auth import Authenticator
from stepmill.engine.engine import Engine
from stepmill.engine.hub import EventHub
from stepmill.gateways import Gateways
from stepmill.gateways.shares import TenantShares

_IDEMPOTENT_WRITES_AT_ONCE = 4
_IDEMPOTENT_WRITES_OF_TENANT = 2
_WRITE_WAITS_SECONDS = 30.0


def _writes_of_tenant() -> TenantShares:
    return TenantShares(
        _IDEMPOTENT_WRITES_OF_TENANT, "writes with an idempotency key", wait_seconds=_WRITE_WAITS_SECONDS
    )


async def _nothing() -> None:
    pass


@dataclass(frozen=True)
class ApiParts:
    """``not_ready`` names what keeps the process from serving, in sentences; ``/readyz`` shows them.

    ``before_scrape`` brings those of ``metrics`` up to date that are read from the database.

    Whoever stops the server calls ``streams.close()``: it waits for its connections, and a stream has no end.
    """

    engine: Engine
    hub: EventHub
    gateways: Gateways
    authenticator: Authenticator
    preview_pool: PreviewPool
    not_ready: Callable[[], Awaitable[Sequence[str]]]
    streams: OpenStreams = field(default_factory=OpenStreams)
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    before_scrape: Callable[[], Awaitable[None]] = _nothing
    idempotent_writes_of: TenantShares = field(default_factory=_writes_of_tenant, repr=False)
    idempotent_writes: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_IDEMPOTENT_WRITES_AT_ONCE), repr=False
    )


def api_parts(request: Request) -> ApiParts:
    """The parts of the application that serves this request."""
    return cast("ApiParts", request.app.state.parts)


async def _parts(request: Request) -> ApiParts:
    return api_parts(request)


Parts = Annotated[ApiParts, Depends(_parts)]
