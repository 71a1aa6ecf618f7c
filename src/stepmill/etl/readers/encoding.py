"""From the bytes of a source to UTF-8, and back to its offsets.

Most encodings keep ASCII characters as single bytes: such text is split into records as it stands and recoded after,
block by block, so that a byte that can't be decoded hurts one record. Only the wide ones are recoded before.
"""

import codecs
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import pyarrow as pa

from stepmill.etl.plan.source import WIDE_ENCODINGS
from stepmill.etl.readers.compression import ByteStream

_BOMS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "gb18030": b"\x84\x31\x95\x33",
}
# As UTF-8 bytes, surrogates are invalid: a stray one is found again where the text is decoded, and its record rejected.
_KEEP_STRAY_SURROGATES = "surrogatepass"
_TORN = b"\xff"  # never part of UTF-8; stands for each byte of a character that the end of the file cuts


def bom_length(head: bytes, encoding: str) -> int:
    """How many bytes of ``head`` are a byte order mark of this encoding."""
    bom = _BOMS.get(encoding)
    return len(bom) if bom and head.startswith(bom) else 0


def encoding_by_bom(head: bytes) -> str | None:
    """The encoding that a byte order mark names."""
    if head.startswith(codecs.BOM_UTF32_LE):  # begins like UTF-16's
        return "utf-32-le"
    return next((encoding for encoding, bom in _BOMS.items() if head.startswith(bom)), None)


def is_valid_utf8(data: bytes | memoryview) -> bool:
    """Whether all of it can be decoded; nothing is copied."""
    ends = pa.py_buffer(bytes(4) + len(data).to_bytes(4, "little"))
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(data)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def to_utf8(data: bytes, encoding: str) -> bytes | None:
    """``data``, as the splitter hands it on, in UTF-8; None if something in it can't be decoded."""
    if data.isascii():
        return data
    if encoding == "utf-8" or encoding in WIDE_ENCODINGS:
        return data if is_valid_utf8(data) else None
    try:
        return data.decode(encoding).encode()
    except UnicodeDecodeError:
        return None


def undecodable_records(data: bytes, encoding: str, starts: Sequence[int]) -> Iterator[int]:
    """The indexes of the records, beginning at ``starts``, that can't be decoded."""
    view = memoryview(data)
    begin = 0
    while begin < len(data):
        place = begin + first_undecodable(view[begin:], encoding)
        if place == len(data):
            return
        record = bisect_right(starts, place) - 1
        yield record
        begin = starts[record + 1] if record + 1 < len(starts) else len(data)


def first_undecodable(data: bytes | memoryview, encoding: str) -> int:
    """Where the first byte is that can't be decoded; behind all of them if there is none."""
    decode = codecs.getdecoder("utf-8" if encoding in WIDE_ENCODINGS else encoding)
    try:
        decode(data, "strict")
    except UnicodeDecodeError as error:
        return error.start
    return len(data)


def readable(data: bytes, encoding: str) -> str:
    """For people: what can't be decoded is shown in hexadecimal."""
    codec = "utf-8" if encoding in WIDE_ENCODINGS else encoding
    return data.decode(codec, errors="backslashreplace")


class WideText:
    """A stream in UTF-16 or UTF-32 as UTF-8 bytes. It keeps no count of offsets: ``source_length`` gives them."""

    def __init__(self, source: ByteStream, encoding: str) -> None:
        self._source = source
        errors = _KEEP_STRAY_SURROGATES if encoding.startswith("utf-16") else "replace"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._raw = bytearray(256 * 1024)
        self._pending = memoryview(b"")
        self._at_end = False

    @property
    def stored_position(self) -> int:
        """How many bytes of the stored file were read."""
        return self._source.stored_position

    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` with UTF-8; less than all of it only at the end."""
        filled = 0
        while filled < len(view) and (self._pending or not self._at_end):
            if not self._pending:
                self._decode_more()
            part = self._pending[: len(view) - filled]
            view[filled : filled + len(part)] = part
            filled += len(part)
            self._pending = self._pending[len(part) :]
        return filled

    def _decode_more(self) -> None:
        count = self._source.read_into(memoryview(self._raw))
        self._at_end = count < len(self._raw)
        text = self._decoder.decode(memoryview(self._raw)[:count]).encode("utf-8", _KEEP_STRAY_SURROGATES)
        if self._at_end:
            text += _TORN * len(self._decoder.getstate()[0])
        self._pending = memoryview(text)


def source_length(utf8: bytes | memoryview, encoding: str) -> int:
    """How many bytes of the source the text takes that was read as ``utf8``."""
    if encoding not in WIDE_ENCODINGS:
        return len(utf8)
    whole = bytes(utf8).rstrip(_TORN)
    text = whole.decode("utf-8", _KEEP_STRAY_SURROGATES)
    return len(text.encode(encoding, _KEEP_STRAY_SURROGATES)) + len(utf8) - len(whole)
