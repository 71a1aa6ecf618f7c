"""CSV text as blocks of rows.

A block goes one of two ways. Text that is as it should be takes the quick one: it is handed to the field splitter
whole, and if each of its lines turns out one record, that is all there is to know about it. Any other text is first
split into records, which tells line ends that are data from those that are not, then freed of the records that can't
be decoded, and then split into fields. Both ways give the same rows, and so do windows of any size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import polars as pl

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import BlockStart, RawBlock, Reject
from stepmill.etl.readers.csv_fields import RaggedRow, TooManyRaggedRowsError
from stepmill.etl.readers.csv_quick import QuickLook
from stepmill.etl.readers.csv_records import CsvMarks, Fault, QuoteCounter, Records, find_lines
from stepmill.etl.readers.csv_rows import Rows, RowSplitter, without_blank
from stepmill.etl.readers.csv_walk import LineWalk
from stepmill.etl.readers.encoding import first_undecodable, readable, to_utf8, undecodable_records
from stepmill.etl.readers.fixed_width import FixedWidthSplitter
from stepmill.etl.readers.limits import KEPT_CHARACTERS, RECORD_BYTES, REJECTS_PER_BLOCK
from stepmill.etl.readers.long_delimiter import restored, restored_block, single
from stepmill.etl.readers.mend import Mender
from stepmill.etl.readers.misfits import QUOTE_FAULTS, Misfit, mended_rows, with_mended
from stepmill.etl.readers.quoting import LineGrammar
from stepmill.etl.readers.rejects import reject_ragged, reject_record
from stepmill.etl.readers.window import Window

_ONE_FIELD = "\x1f"  # stands in for the delimiter of a source that has none


@dataclass(frozen=True)
class _Part:
    """What was read from the front of a window."""

    frame: pl.DataFrame
    lines: pl.Series  # of the rows, from 0
    misfits: list[Misfit]
    consumed: int
    line_count: int


class CsvReader:
    """Reads the records of one source; ``record_bytes`` is the limit on their size."""

    def __init__(
        self,
        source: SourceFormat,
        *,
        record_bytes: int = RECORD_BYTES,
        max_rejects: int = REJECTS_PER_BLOCK,
        mender: Mender | None = None,
    ) -> None:
        self._source = source
        self._mender = mender
        self._limit = record_bytes
        self._max_rejects = max_rejects
        self._marks = marks = csv_marks(source)
        self._grammar = LineGrammar(
            marks.delimiter, marks.quote, marks.escape, skip_initial_space=marks.skip_initial_space
        )
        self._counter = QuoteCounter(marks, record_bytes)
        self._splitter = (FixedWidthSplitter if source.starts else RowSplitter)(source, marks, max_rejects)
        self._quick = QuickLook(source, marks, self._splitter, record_bytes)

    def blocks(self, window: Window) -> Iterator[RawBlock]:
        """The records from where the window stands to the end of its source."""
        while window.fill():
            start = window.place
            part = self._read_quickly(window) or self._read_carefully(window)
            if part is not None:
                records = part.frame.height + len(part.misfits)
                window.take(part.consumed, lines=part.line_count, records=records)
                if records:
                    yield self._block(part, window, start)
            elif len(window.view) > self._limit:
                yield self._skip_overlong(window)
            else:
                window.fill(min(2 * window.size, 4 * self._limit))

    def _block(self, part: _Part, window: Window, start: BlockStart) -> RawBlock:
        frame, lines = with_mended(part.frame, part.lines, part.misfits)
        block = RawBlock(
            frame=frame,
            lines=lines.cast(pl.UInt64) + start.line,
            rejects=[misfit.reject(start.line) for misfit in part.misfits if misfit.row is None],
            mended=mended_rows(part.misfits, start.line),
            bytes_read=window.stored_position,
            start=start,
            next=window.place,
        )
        delimiter = self._source.delimiter or ""
        if len(delimiter) > 1:
            block = restored_block(block, delimiter)
        if self._source.trim_fields:
            block = replace(block, frame=block.frame.with_columns(pl.all().str.strip_chars_start(" ")))
        return block

    def _read_quickly(self, window: Window) -> _Part | None:
        found = self._quick.look(window.whole_lines())
        if found is None:
            return None
        misfits = [self._ragged(row, row.index) for row in found.rows.ragged]
        return _Part(found.rows.frame, found.rows.indexes, misfits, found.consumed, found.line_count)

    def _read_carefully(self, window: Window) -> _Part | None:
        """None if no record ends in the window."""
        text = bytes(window.view)
        lines = find_lines(text, at_end=window.at_end)
        records = self._counter.split(lines)
        if records is None:
            records = LineWalk(lines, self._marks, self._grammar, self._limit, self._max_rejects).records()
        if records.consumed == 0:
            return None
        records, rows = self._split_fields(self._drop_undecodable(records))
        if rows.records != len(records.starts):
            raise DataError(
                "records_disagree",
                f"From line {window.line:,} on, the file can't be split into records without doubt.",
                details={"line": window.line},
            )
        rows = without_blank(rows)
        misfits = [self._faulty(fault, text) for fault in records.faults]
        misfits.extend(self._ragged(row, int(records.lines[row.index])) for row in rows.ragged)
        misfits.sort(key=lambda misfit: misfit.line)
        lines_of_rows = records.lines.gather(rows.indexes)
        return _Part(rows.frame, lines_of_rows, misfits, records.consumed, records.line_count)

    def _drop_undecodable(self, records: Records) -> Records:
        encoding = self._source.encoding
        if to_utf8(records.text, encoding) is not None:
            return records
        starts = records.starts.to_list()
        bad = list(islice(undecodable_records(records.text, encoding, starts), self._max_rejects))
        if len(bad) == self._max_rejects:
            records = records.head(bad[-1] + 1)
        faults = [
            Fault("bad_encoding", int(records.lines[index]), begin, begin + len(records.record(index)))
            for index in bad
            for begin in [int(records.offsets[index])]
        ]
        return replace(records.without(bad), faults=[*records.faults, *faults])

    def _split_fields(self, records: Records) -> tuple[Records, Rows]:
        while True:
            text = to_utf8(records.text, self._source.encoding)
            if text is None:
                raise AssertionError("what can't be decoded was dropped")
            try:
                return records, self._splitter.split(text, records)
            except TooManyRaggedRowsError as error:
                records = records.head(error.before)

    def _skip_overlong(self, window: Window) -> RawBlock:
        """The first line is longer than the limit and does not end in the window."""
        start = window.place
        text = readable(bytes(window.view[:KEPT_CHARACTERS]), self._source.encoding)
        text = restored(text, self._source.delimiter)
        window.skip_line()
        window.take(0, lines=0, records=1)
        return RawBlock(
            frame=pl.DataFrame(schema=dict.fromkeys(self._source.columns, pl.String())),
            lines=pl.Series([], dtype=pl.UInt64),
            rejects=[reject_record("record_too_large", start.line, text, cut_off=True)],
            bytes_read=window.stored_position,
            start=start,
            next=window.place,
        )

    def _faulty(self, fault: Fault, text: bytes) -> Misfit:
        encoding = self._source.encoding
        record = text[fault.begin : fault.end].rstrip(b"\r\n")
        shown = readable(record, encoding)

        def reject(first_line: int) -> Reject:
            return reject_record(
                fault.code,
                first_line + fault.line,
                shown,
                column=self._column_of(fault, record),
                cut_off=fault.code == "record_too_large",
                encoding=encoding,
            )

        can_mend = self._mender is not None and fault.code in QUOTE_FAULTS and to_utf8(record, encoding) is not None
        return Misfit(fault.line, shown, self._mender.spoilt(shown) if self._mender and can_mend else None, reject)

    def _column_of(self, fault: Fault, record: bytes) -> str | None:
        """The column that the fault is in, if the record has a field for it."""
        if fault.code == "record_too_large":
            return None
        place = first_undecodable(record, self._source.encoding) if fault.code == "bad_encoding" else len(record)
        number = self._grammar.field_at(record, place)
        return self._source.columns[number] if number < len(self._source.columns) else None

    def _ragged(self, row: RaggedRow, line: int) -> Misfit:
        ends_in_delimiter = self._ends_in_delimiter(row.text)
        text = row.text.removesuffix(self._marks.delimiter) if ends_in_delimiter else row.text

        def reject(first_line: int) -> Reject:
            if self._source.starts:
                return reject_record("out_of_place", first_line + line, row.text)
            fields = row.fields - ends_in_delimiter
            return reject_ragged(first_line + line, row.text, fields, self._source.columns)

        return Misfit(line, row.text, self._mender.ragged(text) if self._mender else None, reject)

    def _ends_in_delimiter(self, text: str) -> bool:
        """Whether the last field that was counted is only what a trailing delimiter leaves."""
        return self._source.trailing_delimiter and text.endswith(self._marks.delimiter)


def csv_marks(source: SourceFormat) -> CsvMarks:
    """The characters that split the source into records and fields."""
    delimiter = single(source.delimiter or _ONE_FIELD)
    return CsvMarks(delimiter, source.quote, source.escape, source.comment, source.skip_initial_space)
