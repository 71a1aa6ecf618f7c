"""Delimiters of several characters: while a text is split, one character stands in for each of them.

It does so inside quotes, too, and there it is what it stood for again once the fields are apart.
"""

from stepmill.errors import DataError
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.compression import ByteStream

STAND_IN = "\x1e"
_MARK = STAND_IN.encode()


def single(delimiter: str) -> str:
    """The one character by which a text is split that has this delimiter."""
    return delimiter if len(delimiter) == 1 else STAND_IN


def shortened(text: str, delimiter: str | None) -> str:
    """The text with the character in the place of a long delimiter."""
    return text if delimiter is None or len(delimiter) == 1 else text.replace(delimiter, STAND_IN)


def restored(text: str, delimiter: str | None) -> str:
    """The text as it stands in the file."""
    return text if delimiter is None or len(delimiter) == 1 else text.replace(STAND_IN, delimiter)


def restored_block(block: RawBlock, delimiter: str) -> RawBlock:
    """The block with its texts as they stand in the file."""
    return block.with_replaced(STAND_IN, delimiter)


class ShortenedText:
    """A stream of text in which the character stands for each delimiter. ``source_bytes`` tells what it was."""

    def __init__(self, source: ByteStream, delimiter: str) -> None:
        self._source = source
        self._delimiter = delimiter.encode()
        self._raw = bytearray(256 * 1024)
        self._rest = b""
        self._pending = memoryview(b"")
        self._at_end = False

    @property
    def stored_position(self) -> int:
        """How many bytes of the stored file were read."""
        return self._source.stored_position

    def read_into(self, view: memoryview) -> int:
        """Fill ``view``; less than all of it only at the end. Raises DataError ``unusable_character``."""
        filled = 0
        while filled < len(view) and (self._pending or not self._at_end):
            if not self._pending:
                self._read_more()
            part = self._pending[: len(view) - filled]
            view[filled : filled + len(part)] = part
            filled += len(part)
            self._pending = self._pending[len(part) :]
        return filled

    def _read_more(self) -> None:
        count = self._source.read_into(memoryview(self._raw))
        self._at_end = count < len(self._raw)
        data = self._rest + bytes(memoryview(self._raw)[:count])
        if _MARK in data:
            raise DataError(
                "unusable_character",
                "The file has the character 0x1E, which can't be in a file whose delimiter has several characters.",
            )
        data = data.replace(self._delimiter, _MARK)
        kept = 0 if self._at_end else self._begun(data)
        self._rest = data[len(data) - kept :]
        self._pending = memoryview(data)[: len(data) - kept]

    def _begun(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a delimiter."""
        lengths = range(len(self._delimiter) - 1, 0, -1)
        return next((length for length in lengths if data.endswith(self._delimiter[:length])), 0)


def source_bytes(shortened_text: bytes | memoryview, delimiter: str) -> bytes:
    """What stood in the place of the text."""
    return bytes(shortened_text).replace(_MARK, delimiter.encode())
