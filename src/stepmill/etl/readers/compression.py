"""A stored file as a stream of its decompressed bytes, from any offset in them."""

import zlib
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal, Protocol

from stepmill.errors import DataError
from stepmill.gateways.blobs import BlobLocation

Compression = Literal["none", "gzip"]

_CHUNK = 256 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


class ByteStream(Protocol):
    """Decompressed bytes, read forward."""

    @property
    @abstractmethod
    def stored_position(self) -> int:
        """How many bytes of the stored file were read: for progress."""

    @abstractmethod
    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` from its front; less than all of it only at the end. Returns how much was filled."""


@contextmanager
def open_bytes(
    location: BlobLocation, compression: Compression, offset: int = 0, stop: int | None = None
) -> Iterator[ByteStream]:
    """Open the file at ``offset`` of its decompressed bytes; the stream ends at ``stop``, or with the file."""
    with location.open() as file:
        stream: ByteStream
        if compression == "none":
            file.seek(offset)
            stream = _Plain(file)
        else:
            stream = gzip = _Gzip(file)
            gzip.skip(offset)
        yield stream if stop is None else _Limited(stream, stop - offset)


def find_compression(head: bytes) -> Compression:
    """By the file's first bytes."""
    return "gzip" if head.startswith(_GZIP_MAGIC) else "none"


class _Plain:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    @property
    def stored_position(self) -> int:
        return self._file.tell()

    def read_into(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view):
            count = self._file.readinto(view[filled:])  # type: ignore[attr-defined]  # IO lacks it, all files have it
            if not count:
                break
            filled += count
        return filled


class _Limited:
    """The first bytes of another stream."""

    def __init__(self, stream: ByteStream, count: int) -> None:
        self._stream = stream
        self._left = max(0, count)

    @property
    def stored_position(self) -> int:
        return self._stream.stored_position

    def read_into(self, view: memoryview) -> int:
        count = self._stream.read_into(view[: self._left])
        self._left -= count
        return count


class _Gzip:
    """Gzip with one or more members. Zero bytes after the last member are padding, as of a tape."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._stored = 0
        self._position = 0
        self._pending = b""
        self._member = zlib.decompressobj(wbits=31)
        self._in_member = False

    @property
    def stored_position(self) -> int:
        return self._stored - len(self._pending)

    def read_into(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view):
            data = self._decompress(len(view) - filled)
            if not data:
                break
            view[filled : filled + len(data)] = data
            filled += len(data)
        return filled

    def skip(self, count: int) -> None:
        """Read on without keeping anything: a gzip file has no way to begin in its middle."""
        while count > 0 and (data := self._decompress(min(count, _CHUNK))):
            count -= len(data)

    def _decompress(self, limit: int) -> bytes:
        """Up to ``limit`` bytes of text; none only at the end."""
        while self._in_member or self._next_member():
            at_end = not self._pending and not self._refill()
            data = self._feed(min(limit, _CHUNK))
            if data:
                self._position += len(data)
                return data
            if at_end and self._in_member:
                raise DataError(
                    "truncated_file",
                    f"The gzip file breaks off in the middle of its data, after {self._stored:,} bytes, which give"
                    f" {self._position:,} bytes of text. Upload the whole file again.",
                    details=self._place(),
                )
        return b""

    def _feed(self, limit: int) -> bytes:
        pending, self._pending = self._pending, b""
        try:
            data = self._member.decompress(pending, limit)
        except zlib.error as error:
            raise DataError(
                "damaged_file",
                f"The gzip file is damaged: {error}, near byte {self._stored:,} of it.",
                details=self._place(),
            ) from error
        if self._member.eof:
            self._pending = self._member.unused_data
            self._in_member = False
        else:
            self._pending = self._member.unconsumed_tail
        return data

    def _next_member(self) -> bool:
        """Go to the next member, if there is one."""
        self._pending = self._pending.lstrip(b"\x00")
        while not self._pending:
            if not self._refill():
                return False
            self._pending = self._pending.lstrip(b"\x00")
        if len(self._pending) == 1:
            self._refill()
        if not self._pending.startswith(_GZIP_MAGIC):
            raise DataError(
                "damaged_file",
                f"What follows byte {self.stored_position:,} of the gzip file is not gzip data.",
                details=self._place(),
            )
        self._member = zlib.decompressobj(wbits=31)
        self._in_member = True
        return True

    def _place(self) -> dict[str, int]:
        return {"storedBytes": self._stored, "textBytes": self._position}

    def _refill(self) -> bool:
        data = self._file.read(_CHUNK)
        self._stored += len(data)
        self._pending += data
        return bool(data)
