"""What must not happen in a browser while somebody uses the console, whatever a test looks at."""

import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Request, Response, WebError

_REPORT = "stepmillTestsReport"
_LISTEN = f"""
document.addEventListener('securitypolicyviolation', (event) => globalThis.{_REPORT}(
  `${{event.effectiveDirective}} blocked ${{event.blockedURI}} at ${{event.sourceFile}}:${{event.lineNumber}}`));
"""
_STATIC = "/static/"
_LEFT = "net::ERR_ABORTED"
"""How a request fails when the page is left: nothing is wrong then."""
_IN_PAGE = ("data", "blob", "about")
"""Schemes of what a page makes itself; its security policy says which of them it may."""


class Faults:
    """The faults of all pages of the contexts that are watched."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._seen: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def watch(self, context: BrowserContext) -> None:
        """Note what goes wrong in the context from here on."""
        context.expose_binding(_REPORT, self._note_violation)
        context.add_init_script(_LISTEN)
        context.on("console", self._note_message)
        context.on("weberror", self._note_error)
        context.on("request", self._note_request)
        context.on("requestfailed", self._note_failure)
        context.on("response", self._note_response)

    def allow(self, pattern: str) -> None:
        """Expect what a test provokes on purpose: a regular expression that is found in the fault's line."""
        self._allowed.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        """Every fault so far that no test has provoked."""
        return [fault for fault in self._seen if not any(each.search(fault) for each in self._allowed)]

    def _note_violation(self, _source: dict[str, Any], text: str) -> None:
        self._seen.append(f"security policy: {text}")

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            place = message.location
            self._seen.append(f"console {message.type}: {message.text} ({place['url']}:{place['lineNumber']})")

    def _note_error(self, error: WebError) -> None:
        self._seen.append(f"uncaught: {error.error.stack or error.error.message}")

    def _note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in _IN_PAGE and f"{address.scheme}://{address.netloc}" != self._origin:
            self._seen.append(f"another origin: {request.method} {request.url}")

    def _note_failure(self, request: Request) -> None:
        if urlsplit(request.url).path.startswith(_STATIC) and request.failure != _LEFT:
            self._seen.append(f"not loaded: {request.url} ({request.failure})")

    def _note_response(self, response: Response) -> None:
        if urlsplit(response.url).path.startswith(_STATIC) and response.status >= 400:
            self._seen.append(f"not loaded: {response.url} ({response.status})")


def settle(page: Page) -> None:
    """Have everything that a page has said so far arrive here: messages come in order, and this is the last."""
    with suppress(Error):  # a page that was closed has nothing to say
        page.evaluate("0")
