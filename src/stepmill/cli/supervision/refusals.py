"""What a connection is told of which no request can be made, in the shape of every other error."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from stepmill.api.limits import SECURITY_HEADERS
from stepmill.api.problems import problem_response

HEAD_BYTES = 64 * 1024
"""How much of a request's head is read, or of anything else that is not its body."""

HEAD_SECONDS = 30.0
"""How long a request's head may take, from its first byte or, on a new connection, from the beginning."""

_log = structlog.get_logger("stepmill.api")


@dataclass(frozen=True)
class Refusal:
    """Why a connection is ended. Its answer says so, and that no other will follow."""

    status: int
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, request_id: str) -> Response:
        """The answer for a request that could be read."""
        headers = {**SECURITY_HEADERS, **self.headers, "X-Request-Id": request_id, "Connection": "close"}
        return problem_response(self.status, self.code, self.detail, headers=headers, request_id=request_id)

    def log(self, client: str | None, request_id: str | None = None) -> None:
        """Say in the log that a connection is ended."""
        _log.info("connection_refused", request_id=request_id, code=self.code, client=client)

    def wire(
        self, server_headers: Iterable[tuple[bytes, bytes]], client: str | None, request_id: str | None = None
    ) -> bytes:
        """The whole answer, as it is sent past the application. It is logged under the request's id, if it has one."""
        request_id = request_id or secrets.token_hex(8)
        self.log(client, request_id)
        response = self.response(request_id)
        lines = [b"%s: %s\r\n" % header for header in (*server_headers, *response.raw_headers)]
        return b"".join((STATUS_LINE[self.status], *lines, b"\r\n", response.body))


UNREADABLE = Refusal(400, "unreadable_request", "The request can't be read as HTTP.")
NO_PROXY = Refusal(405, "method_not_allowed", "This server is no proxy.", {"Allow": "GET, HEAD"})
HEAD_TOO_SLOW = Refusal(408, "head_too_slow", f"The request's head was not there after {HEAD_SECONDS:.0f} s.")
HEAD_TOO_LARGE = Refusal(
    431, "head_too_large", f"The request's address and headers may have {HEAD_BYTES:,} bytes at most."
)
TOO_MANY_CONNECTIONS = Refusal(
    503,
    "too_many_connections",
    "This server has as many connections as it may have open files. Try again.",
    {"Retry-After": "1"},
)
