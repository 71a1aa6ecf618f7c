"""How a connection's requests are read: uvicorn's way, but for what asks to leave HTTP/1.1 and for trailers."""

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_OF_OFFER = frozenset({b"upgrade", b"http2-settings"})


class ConnectError(Exception):
    """The client asks for a tunnel. Raised within the parser, which stops."""


class ReadingProtocol(HttpToolsProtocol):
    """A connection that stays with HTTP/1.1.

    Whoever offers to go on with another protocol gets an answer as if they had not: RFC 9110, 7.8. The parser does not
    do that: it takes what follows such a head for the other protocol and the body for none. So it is given the head
    again without the offer, and the rest after that.
    """

    __slots__ = ("_awaits_head", "_plain_head")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._awaits_head = True
        self._plain_head: bytes | None = None

    def data_received(self, data: bytes) -> None:
        """Parse it."""
        self._unset_keepalive_if_required()
        rest: bytes | None = data
        while rest is not None:
            rest = self._parse(rest)

    def _parse(self, data: bytes) -> bytes | None:
        """Parse it, up to a head that offers another protocol. Answers what is to be parsed instead of the rest."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.send_400_response(str(error))
        except httptools.HttpParserUpgrade as upgrade:
            head, self._plain_head = self._plain_head or b"", None
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as the base does
            return head + data[upgrade.args[0] :]
        return None

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of the head. What is behind a body is none: nobody looks there for who calls and what is meant."""
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request begins, unless its head comes again."""
        if self.parser.get_method() == b"CONNECT":
            raise ConnectError
        if self.parser.should_upgrade():
            self._plain_head = self._head_without_offer()
        else:
            self._awaits_head = False
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete, unless it was only its head, which comes again."""
        if self._plain_head is None:
            self._awaits_head = True
            super().on_message_complete()

    @property
    def head_size(self) -> int:
        """How many bytes of a head there are."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _head_without_offer(self) -> bytes:
        start = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        headers = [(name, _without_offer(value) if name == b"connection" else value) for name, value in self.headers]
        lines = [b"%s: %s" % header for header in headers if header[0] not in _OF_OFFER and header[1] is not None]
        return b"\r\n".join((start, *lines, b"", b""))


def _without_offer(connection: bytes) -> bytes | None:
    tokens = [token.strip() for token in connection.split(b",")]
    return b", ".join(token for token in tokens if token.lower() not in _OF_OFFER) or None
