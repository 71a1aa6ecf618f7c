"""A stored file as a stream of its unpacked bytes, from any offset in them."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_CUR, BufferedReader, RawIOBase
from typing import IO, Any, Protocol

from stepmill.errors import DataError
from stepmill.etl.plan.source import Archive, Compression, SourceFormat
from stepmill.etl.readers.archives import ArchiveMember, Readable, list_members, open_member
from stepmill.etl.readers.bombs import refuse_bomb
from stepmill.etl.readers.codecs import CODECS, Codec, Member
from stepmill.gateways.blobs import BlobLocation

MAGIC_BYTES = 10
"""How many of a file's first bytes tell how it is packed."""

_CHUNK = 256 * 1024


class ByteStream(Protocol):
    """Decompressed bytes, read forward."""

    @property
    @abstractmethod
    def stored_position(self) -> int:
        """How many bytes of the stored file were read: for progress."""

    @abstractmethod
    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` from its front; less than all of it only at the end. Returns how much was filled."""


@dataclass(frozen=True)
class Packing:
    """How a file holds text: compressed as a whole; an archive, of which a member is read, compressed once more."""

    compression: Compression = "none"
    archive: Archive = "none"
    member: str | None = None
    member_compression: Compression = "none"

    @classmethod
    def of(cls, source: SourceFormat) -> "Packing":
        """As a plan has it."""
        return cls(source.compression, source.archive, source.member, source.member_compression)


@contextmanager
def open_bytes(
    location: BlobLocation, packing: Packing, offset: int = 0, stop: int | None = None
) -> Iterator[ByteStream]:
    """Open the file at ``offset`` of its unpacked bytes; the stream ends at ``stop``, or with the text.

    Raises DataError where it can't be unpacked, also while it is read.
    """
    with location.open() as file, _unpacking(file, packing) as stream:
        stream.skip(offset)
        yield stream if stop is None else _Limited(stream, stop - offset)


def find_compression(head: bytes) -> Compression:
    """By the file's first bytes."""
    return next((name for name, codec in CODECS.items() if codec.begins(head)), "none")


def read_head(location: BlobLocation, packing: Packing, count: int) -> bytes:
    """The first unpacked bytes, up to ``count``."""
    head = bytearray(count)
    with open_bytes(location, packing) as stream:
        return bytes(head[: stream.read_into(memoryview(head))])


def members_of(location: BlobLocation, compression: Compression, archive: Archive) -> list[ArchiveMember]:
    """The files in an archive that may be compressed as a whole; see ``list_members``."""
    with location.open() as file:
        can_seek = compression == "none"
        opened = file if can_seek else _as_file(_Packed(file, CODECS[compression]))
        return list_members(opened, archive, can_seek=can_seek)


class _Skipping(ByteStream, Protocol):
    @abstractmethod
    def skip(self, count: int) -> None:
        """Go on behind the next ``count`` bytes."""


@contextmanager
def _unpacking(file: IO[bytes], packing: Packing) -> Iterator[_Skipping]:
    can_seek = packing.compression == "none"
    outer: _Skipping = _Plain(file) if can_seek else _Packed(file, CODECS[packing.compression])
    if packing.member is None:
        yield outer
        return
    opened = file if can_seek else _as_file(outer)
    with open_member(opened, packing.archive, packing.member, can_seek=can_seek) as member:
        is_plain = packing.member_compression == "none"
        inner: _Skipping = _Member(member) if is_plain else _Packed(member, CODECS[packing.member_compression])
        yield _Placed(inner, outer)


def _as_file(stream: ByteStream) -> IO[bytes]:
    return BufferedReader(_StreamFile(stream), _CHUNK)


class _StreamFile(RawIOBase):
    """A stream for who wants a file to read forward."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._stream.read_into(memoryview(buffer))


class _Member:
    """A member of an archive as it is there. How far that is in the stored file, the archive's stream knows."""

    stored_position = 0

    def __init__(self, member: Readable) -> None:
        self._member = member

    def read_into(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view) and (data := self._member.read(min(len(view) - filled, _CHUNK))):
            view[filled : filled + len(data)] = data
            filled += len(data)
        return filled

    def skip(self, count: int) -> None:
        while count > 0 and (data := self._member.read(min(count, _CHUNK))):
            count -= len(data)


class _Placed:
    """What is read of a member, with the place in the stored file."""

    def __init__(self, inner: _Skipping, outer: ByteStream) -> None:
        self._outer = outer
        self.read_into = inner.read_into
        self.skip = inner.skip

    @property
    def stored_position(self) -> int:
        return self._outer.stored_position


class _Plain:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def skip(self, count: int) -> None:
        self._file.seek(count, SEEK_CUR)

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

    def __init__(self, file: Readable, codec: Codec) -> None:
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
                refuse_bomb(f"The {self._codec.name} file", self._stored, self._position)
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

    def _place(self) -> dict[str, int]:
        return {"storedBytes": self._stored, "textBytes": self._position}

    def _refill(self) -> bool:
        data = self._file.read(_CHUNK)
        self._stored += len(data)
        self._pending += data
        return bool(data)
