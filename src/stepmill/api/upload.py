"""An upload's bytes as a stream, whether they are the body itself or the one part of a multipart form."""

from collections.abc import AsyncIterator
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from stepmill.api.pace import at_a_pace
from stepmill.errors import FieldError, InputError, MediaTypeError, PayloadTooLargeError, UnreadableError

_FORM_OVERHEAD = 64 * 1024
"""What a form may add to its file: boundaries and the part's headers."""


class Upload(Protocol):
    """A file on its way in."""

    @property
    def name(self) -> str | None:
        """The name it was sent with, without folders; None if it was sent without."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes, once."""


async def open_upload(request: Request, limit: int) -> Upload:
    """The upload of a request, read as far as its name.

    Raises PayloadTooLargeError as soon as it is over ``limit``, UnreadableError if it comes too slowly; so does reading
    on.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise MediaTypeError(
            "unsupported_media_type", "Send the file as it is, without a Content-Encoding; a .gz file is read as one."
        )
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    is_form = media_type == b"multipart/form-data"
    declared = request.headers.get("content-length", "")
    allowance = _FORM_OVERHEAD if is_form else 0
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit + allowance:
        raise _too_large(limit)
    if not is_form:
        return _Body(request, limit)
    boundary = options.get(b"boundary")
    if not boundary:
        raise UnreadableError("unreadable_form", "The Content-Type of the form names no boundary.")
    form = _Form(request, boundary, limit)
    await form.begin()
    return form


class _Body:
    """The body is the file."""

    name = None

    def __init__(self, request: Request, limit: int) -> None:
        self._request = request
        self._limit = limit

    async def chunks(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in at_a_pace(self._request.stream()):
            size += len(chunk)
            if size > self._limit:
                raise _too_large(self._limit)
            yield chunk


class _Form:
    """The file is the form's only part, called ``file``."""

    def __init__(self, request: Request, boundary: bytes, limit: int) -> None:
        self._stream = at_a_pace(request.stream())
        self._limit = limit
        self._size = 0
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._parts = 0
        self._out: list[bytes] = []
        self._ended = False
        self.name: str | None = None
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": self._on_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError:
            raise _broken() from None
        self._named = False

    async def begin(self) -> None:
        """Read until the part's name is known."""
        while not self._named:
            chunk = await anext(self._stream, None)
            if chunk is None:
                raise InputError(
                    "file_missing", "The form has no part called file.", errors=[FieldError("/file", "It is missing.")]
                )
            self._feed(chunk)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._taken():
            yield piece
        async for chunk in self._stream:
            self._feed(chunk)
            for piece in self._taken():
                yield piece
        if not self._ended:
            raise UnreadableError("unreadable_form", "The form ends in the middle of its file.")

    def _feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _broken() from None

    def _taken(self) -> list[bytes]:
        taken, self._out = self._out, []
        return taken

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise InputError("one_file_only", "Send one file in each request: the form has another part after it.")
        self._header = (bytearray(), bytearray())

    def _on_header_end(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if options.get(b"name") != b"file":
            raise InputError(
                "file_missing", "The form's part must be called file.", errors=[FieldError("/file", "It is missing.")]
            )
        filename = options.get(b"filename", b"").decode("utf-8", "replace")
        self.name = filename.replace("\\", "/").rpartition("/")[2] or None
        self._named = True

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._size > self._limit:
            raise _too_large(self._limit)
        self._out.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


def _broken() -> UnreadableError:
    return UnreadableError("unreadable_form", "The form can't be read: it is not multipart/form-data as it says.")


def _too_large(limit: int) -> PayloadTooLargeError:
    return PayloadTooLargeError("too_large", f"A file may have {limit:,} bytes at most; see STEPMILL_MAX_UPLOAD_BYTES.")
