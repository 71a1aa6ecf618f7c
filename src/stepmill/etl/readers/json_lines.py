"""JSON Lines as blocks of rows: one object a line."""

from collections.abc import Iterator

import polars as pl

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.encoding import readable
from stepmill.etl.readers.json_records import JsonRecordReader
from stepmill.etl.readers.limits import KEPT_CHARACTERS, RECORD_BYTES, REJECTS_PER_BLOCK
from stepmill.etl.readers.rejects import reject_record
from stepmill.etl.readers.window import Window

_BLANK = b" \t\r\x00"


class JsonLinesReader:
    """Reads the records of one source; ``record_bytes`` is the limit on their size."""

    def __init__(
        self, source: SourceFormat, *, record_bytes: int = RECORD_BYTES, max_rejects: int = REJECTS_PER_BLOCK
    ) -> None:
        self._source = source
        self._limit = record_bytes
        self._records = JsonRecordReader(source.columns, source.encoding, record_bytes, max_rejects)

    def blocks(self, window: Window) -> Iterator[RawBlock]:
        """The records from where the window stands to the end of its source."""
        while window.fill():
            text = window.whole_lines()
            if text:
                block = self._read(window, text)
                if block.records:
                    yield block
            elif len(window.view) > self._limit:
                yield skip_overlong_line(window, self._source)
            else:
                window.fill(min(2 * window.size, 4 * self._limit))

    def _read(self, window: Window, text: bytes) -> RawBlock:
        start = window.place
        lines = text.split(b"\n")
        if not lines[-1]:
            lines.pop()
        places = [index for index, line in enumerate(lines) if line.strip(_BLANK)]
        found = self._records.read([lines[index] for index in places], [start.line + index for index in places])
        line_count = places[found.count] if found.count < len(places) else len(lines)
        consumed = sum(map(len, lines[:line_count])) + line_count
        window.take(min(consumed, len(text)), lines=line_count, records=found.count)
        rejects = [reject for _, reject in found.rejects]
        return RawBlock(found.frame, found.lines, rejects, window.stored_position, start, window.place)


def skip_overlong_line(window: Window, source: SourceFormat) -> RawBlock:
    """Reject the first line, which is longer than the limit and does not end in the window."""
    start = window.place
    text = readable(bytes(window.view[:KEPT_CHARACTERS]), source.encoding)
    window.skip_line()
    window.take(0, lines=0, records=1)
    return RawBlock(
        frame=pl.DataFrame(schema=dict.fromkeys(source.columns, pl.String())),
        lines=pl.Series([], dtype=pl.UInt64),
        rejects=[reject_record("record_too_large", start.line, text, cut_off=True)],
        bytes_read=window.stored_position,
        start=start,
        next=window.place,
    )
