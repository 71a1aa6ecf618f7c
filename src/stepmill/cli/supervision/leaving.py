"""Clients that have left: how it shows, and how a request is told."""

import asyncio
import socket

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def tell_gone(cycle: RequestResponseCycle | None) -> None:
    """Tell a request that its client is gone, if its answer is not complete."""
    if cycle is not None and not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()


def is_reset(transport: asyncio.Transport) -> bool:
    """Whether the other side has refused what was written. Nobody else looks once it has ended its own."""
    own = transport.get_extra_info("socket")
    return bool(own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
