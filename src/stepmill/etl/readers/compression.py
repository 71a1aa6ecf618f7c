"""A stored file as a stream of its decompressed bytes, from any offset in them."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from stepmill.errors import DataError
from stepmill.etl.plan.source import Compression
from stepmill.etl.readers.codecs import CODECS, Codec, Member
from stepmill.gateways.blobs import BlobLocation

MAGIC_BYTES = 10
"""How many of a file's first bytes tell how it is packed."""

_CHUNK = 256 * 1024
_MOST_RATIO = 1_000
_RATIO_COUNTS_FROM = 64 * 1024 * 1024  # of text: what is smaller does no harm


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
            stream = packed = _Packed(file, CODECS[compression])
            packed.skip(offset)
        yield stream if stop is None else _Limited(stream, stop - offset)


def find_compression(head: bytes) -> Compression:
    """By the file's first bytes."""
    return next((name for name, codec in CODECS.items() if codec.begins(head)), "none")


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


class _Packed:
    """One or more compressed members behind one another. Zero bytes after the last are padding, as of a tape."""

    def __init__(self, file: IO[bytes], codec: Codec) -> None:
        self._file = file
        self._codec = codec
        self._stored = 0
        self._position = 0
        self._pending = b""
        self._member: Member | None = None

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
        """Read on without keeping anything: a compressed file has no way to begin in its middle."""
        while count > 0 and (data := self._decompress(min(count, _CHUNK))):
            count -= len(data)

    def _decompress(self, limit: int) -> bytes:
        """Up to ``limit`` bytes of text; none only at the end."""
        while (member := self._member or self._next_member()) is not None:
            at_end = member.needs_input and not self._pending and not self._refill()
            data = self._feed(member, min(limit, _CHUNK))
            if data:
                self._position += len(data)
                self._refuse_bomb()
                return data
            if at_end and self._member is not None:
                raise DataError(
                    "truncated_file",
                    f"The {self._codec.name} file breaks off in the middle of its data, after {self._stored:,} bytes,"
                    f" which give {self._position:,} bytes of text. Upload the whole file again.",
                    details=self._place(),
                )
        return b""

    def _feed(self, member: Member, limit: int) -> bytes:
        pending, self._pending = self._pending, b""
        try:
            data = member.decompress(pending, limit)
        except self._codec.errors as error:
            raise DataError(
                "damaged_file",
                f"The {self._codec.name} file is damaged: {error}, near byte {self._stored:,} of it.",
                details=self._place(),
            ) from error
        if member.eof:
            self._pending = member.unused_data
            self._member = None
        return data

    def _next_member(self) -> Member | None:
        """The next member, if there is one."""
        self._pending = self._pending.lstrip(b"\x00")
        while len(self._pending) < MAGIC_BYTES and self._refill():
            self._pending = self._pending.lstrip(b"\x00")
        if not self._pending:
            return None
        if not self._codec.begins(self._pending):
            raise DataError(
                "damaged_file",
                f"What follows byte {self.stored_position:,} of the {self._codec.name} file is not"
                f" {self._codec.name} data.",
                details=self._place(),
            )
        self._member = self._codec.member()
        return self._member

    def _refuse_bomb(self) -> None:
        if self._position > _RATIO_COUNTS_FROM and self._position > _MOST_RATIO * self._stored:
            raise DataError(
                "compression_bomb",
                f"The {self._codec.name} file swells to more than {_MOST_RATIO:,} times its size, which no table does."
                " It is not unpacked further.",
                details=self._place(),
            )

    def _place(self) -> dict[str, int]:
        return {"storedBytes": self._stored, "textBytes": self._position}

    def _refill(self) -> bool:
        data = self._file.read(_CHUNK)
        self._stored += len(data)
        self._pending += data
        return bool(data)
