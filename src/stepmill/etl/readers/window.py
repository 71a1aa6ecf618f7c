"""The part of a text that is in memory, moving forward over it."""

from collections.abc import Iterator
from contextlib import contextmanager

from stepmill.etl.plan.source import WIDE_ENCODINGS, SourceFormat
from stepmill.etl.readers.block import BlockStart
from stepmill.etl.readers.compression import ByteStream, Packing, open_bytes, read_head
from stepmill.etl.readers.encoding import WideText, bom_length, source_length
from stepmill.etl.readers.long_delimiter import ShortenedText, source_bytes
from stepmill.gateways.blobs import BlobLocation

_SMALLEST = 64
_LONGEST_BOM = 4


class Window:
    """A piece of text of fixed size, refilled from its source as records are taken from its front.

    Its memory is used again and again, because fresh memory for each block costs a third of the reading speed.
    """

    def __init__(
        self, stream: ByteStream, encoding: str, start: BlockStart, size: int, long_delimiter: str | None = None
    ) -> None:
        self._stream = stream
        self._encoding = encoding
        self._long_delimiter = long_delimiter
        self._arena = bytearray(max(size, _SMALLEST))
        self._begin = 0
        self._end = 0
        self._source_end = False
        self.offset = start.offset
        self.line = start.line
        self.record = start.record

    @property
    def view(self) -> memoryview:
        """The text in memory that was not yet taken."""
        return memoryview(self._arena)[self._begin : self._end]

    def whole_lines(self) -> bytes:
        """The text up to the last LF in the view; all of it if nothing comes after."""
        end = self._end if self._source_end else self._arena.rfind(b"\n", self._begin, self._end) + 1
        return bytes(memoryview(self._arena)[self._begin : max(end, self._begin)])

    @property
    def at_end(self) -> bool:
        """Whether nothing comes after what is in memory."""
        return self._source_end

    @property
    def place(self) -> BlockStart:
        """Where the view begins."""
        return BlockStart(self.offset, self.line, self.record)

    @property
    def stored_position(self) -> int:
        """How many bytes of the stored file were read."""
        return self._stream.stored_position

    @property
    def size(self) -> int:
        """How many bytes it holds at most."""
        return len(self._arena)

    def fill(self, size: int = 0) -> bool:
        """Read until the window is full, after making it ``size`` if it is smaller. False if nothing is left."""
        if size > len(self._arena):
            self._move_to(bytearray(size))
        elif self._begin and not self._source_end:
            self._move_to(self._arena)
        if not self._source_end:
            self._read()
        return self._end > self._begin

    def find_line_end(self) -> int:
        """How long the first line of the view is, its end included; -1 if it does not end here."""
        data = self.view
        line_feed = self._arena.find(b"\n", self._begin, self._end) - self._begin
        carriage = self._arena.find(b"\r", self._begin, line_feed + self._begin if line_feed >= 0 else self._end)
        if carriage < 0:
            return line_feed + 1 if line_feed >= 0 else -1
        carriage -= self._begin
        if carriage + 1 == len(data) and not self.at_end:
            return -1  # a line feed may follow
        return carriage + (2 if line_feed == carriage + 1 else 1)

    def take(self, count: int, *, lines: int, records: int) -> None:
        """Go on behind the first ``count`` bytes of the view."""
        taken: bytes | memoryview = self.view[:count]
        if self._long_delimiter is not None:
            taken = source_bytes(taken, self._long_delimiter)
        self.offset += source_length(taken, self._encoding)
        self.line += lines
        self.record += records
        self._begin += count

    def skip_line(self) -> None:
        """Go on behind the end of the line, however far that is."""
        while (length := self.find_line_end()) < 0:
            if self.at_end:
                self.take(len(self.view), lines=1, records=0)
                return
            self.take(self.whole_characters(len(self.view) - 4), lines=0, records=0)  # a CR may be the last
            self.fill()
        self.take(length, lines=1, records=0)

    def whole_characters(self, count: int) -> int:
        """The largest number of bytes, up to ``count``, that cuts no character of recoded text."""
        if self._encoding in WIDE_ENCODINGS:
            while self._arena[self._begin + count] & 0xC0 == 0x80:
                count -= 1
        return count

    def _move_to(self, arena: bytearray) -> None:
        kept = self._end - self._begin
        arena[:kept] = self._arena[self._begin : self._end]
        self._arena, self._begin, self._end = arena, 0, kept

    def _read(self) -> None:
        room = memoryview(self._arena)[self._end :]
        count = self._stream.read_into(room)
        self._end += count
        self._source_end = count < len(room) or self._end < len(self._arena)
        if self._source_end and self._has_end_mark():
            self._end -= 1

    def _has_end_mark(self) -> bool:
        """Whether the last line is nothing but the sign by which DOS ends a text."""
        return bytes(self.view[-2:]) in (b"\x1a", b"\n\x1a", b"\r\x1a")


@contextmanager
def open_window(
    location: BlobLocation, source: SourceFormat, start: BlockStart | None, stop: BlockStart | None, size: int
) -> Iterator[Window]:
    """A window on the text of a file, from ``start`` or, without one, from what follows its byte order mark."""
    begin = start or _after_bom(location, source)
    with open_bytes(location, Packing.of(source), begin.offset, stop.offset if stop else None) as stream:
        text: ByteStream = WideText(stream, source.encoding) if source.encoding in WIDE_ENCODINGS else stream
        long_delimiter = source.delimiter if len(source.delimiter or "") > 1 else None
        if long_delimiter is not None:
            text = ShortenedText(text, long_delimiter)
        window = Window(text, source.encoding, begin, size, long_delimiter)
        window.fill()
        yield window


def _after_bom(location: BlobLocation, source: SourceFormat) -> BlockStart:
    head = read_head(location, Packing.of(source), _LONGEST_BOM)
    return BlockStart(bom_length(head, source.encoding), 1, 0)
