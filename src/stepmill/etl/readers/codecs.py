"""How files are packed: for each compression, how it begins and what unpacks one member of it."""

import bz2
import lzma
import re
import sys
import zlib
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from stepmill.etl.plan.source import Compression

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_XZ_MEMORY = 256 * 1024 * 1024
"""More than any preset of xz takes (65 MB); a file's header could ask for 4 GB."""
_GZIP_WINDOW = 31  # bits, and the sign that a header of gzip comes first


class Member(Protocol):
    """What unpacks one member: the interface of Python's own decompressors."""

    @property
    @abstractmethod
    def eof(self) -> bool:
        """Whether the member's end was reached."""

    @property
    @abstractmethod
    def needs_input(self) -> bool:
        """Whether nothing more comes without further bytes."""

    @property
    @abstractmethod
    def unused_data(self) -> bytes:
        """What follows the member's end."""

    @abstractmethod
    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take ``data``, give up to ``max_length`` bytes of text."""


@dataclass(frozen=True)
class Codec:
    """One way to pack a file."""

    name: str
    suffix: str
    magic: re.Pattern[bytes]
    member: Callable[[], Member]
    errors: tuple[type[Exception], ...]

    def begins(self, head: bytes) -> bool:
        """Whether a file or a member that begins with these bytes is packed so."""
        return self.magic.match(head) is not None


class _GzipMember:
    """zlib's object by the other decompressors' interface."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=_GZIP_WINDOW)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


CODECS: Final[dict[Compression, Codec]] = {
    "gzip": Codec("gzip", ".gz", re.compile(rb"\x1f\x8b"), _GzipMember, (zlib.error,)),
    "bzip2": Codec(
        "bzip2", ".bz2", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), bz2.BZ2Decompressor, (OSError, ValueError)
    ),
    "xz": Codec(
        "xz",
        ".xz",
        re.compile(rb"\xfd7zXZ\x00"),
        lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY),
        (lzma.LZMAError,),
    ),
    # A frame, or one to be skipped, as pzstd writes first.
    "zstd": Codec(
        "zstd",
        ".zst",
        re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
        zstd.ZstdDecompressor,
        (zstd.ZstdError,),
    ),
}
"""By the names that plans use."""


def without_suffix(name: str) -> str:
    """A file's name without what says that it is packed, in any case of letters."""
    return next((name[: -len(c.suffix)] for c in CODECS.values() if name.lower().endswith(c.suffix)), name)
