"""HEAD: the answer to GET without its body."""

import re
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Answers HEAD at the addresses that ``patterns`` match as their GET, and sends no body."""

    def __init__(self, app: ASGIApp, patterns: Sequence[re.Pattern[str]]) -> None:
        self._app = app
        self._patterns = patterns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"
        if not is_head or not any(pattern.match(scope["path"]) for pattern in self._patterns):
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A copy: the server looks at its own scope to know that no body will come.
        as_get = {**scope, "method": "GET"}
        try:
            await self._app(as_get, receive, send_without_body)
        finally:
            scope["route"] = as_get.get("route")
