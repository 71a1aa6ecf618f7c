"""The elements of a JSON array as blocks of rows; also JSON objects one after another, with or without commas.

The array stands at the top of the file, or inside a document at a path of keys. It is never held in memory as a whole.
"""

from collections.abc import Iterator
from typing import NoReturn

import polars as pl

from stepmill.errors import DataError
from stepmill.etl.plan.source import WIDE_ENCODINGS, SourceFormat
from stepmill.etl.readers.block import BlockStart, RawBlock, Reject
from stepmill.etl.readers.csv_records import byte_series
from stepmill.etl.readers.encoding import readable
from stepmill.etl.readers.json_elements import Elements, Grammar, split_elements
from stepmill.etl.readers.json_overlong import skip_overlong
from stepmill.etl.readers.json_records import JsonRecordReader
from stepmill.etl.readers.json_scan import LINE_FEED, Scanned
from stepmill.etl.readers.limits import KEPT_CHARACTERS, RECORD_BYTES, REJECTS_PER_BLOCK
from stepmill.etl.readers.rejects import reject_record
from stepmill.etl.readers.window import Window

_NOT_CLOSED = "it is not closed before the next record begins or the file ends"


class JsonArrayReader:
    """Reads the records of one source; ``record_bytes`` is the limit on their size.

    ``is_array``: there is a bracket that has to be closed. ``is_all``: nothing was left out at the end.
    """

    def __init__(
        self,
        source: SourceFormat,
        *,
        is_array: bool,
        is_all: bool,
        record_bytes: int = RECORD_BYTES,
        max_rejects: int = REJECTS_PER_BLOCK,
    ) -> None:
        self._source = source
        self._is_array = is_array
        self._is_all = is_all
        self._is_unicode = source.encoding == "utf-8" or source.encoding in WIDE_ENCODINGS
        self._grammar = Grammar(source.encoding, record_bytes, max_rejects, source.records_path is not None)
        self._records = JsonRecordReader(source.columns, source.encoding, record_bytes, max_rejects)

    def blocks(self, window: Window) -> Iterator[RawBlock]:
        """The records from where the window stands, between two of them, to the end of the array or the file."""
        start = window.place
        is_line_start = not self._is_array and (start.line, start.record) == (1, 0)
        has_ended = False
        while window.fill():
            text = bytes(window.view)
            found = split_elements(text, self._grammar, at_end=window.at_end, is_line_start=is_line_start)
            has_ended = found.has_ended
            if not found.is_empty:
                block = self._read(window, text, found, start)
            elif found.overlong is not None:
                block = self._skip(window, text, found.overlong, start)
            elif found.lost is not None:
                self._fail("broken_json", window.line + text.count(b"\n", 0, found.lost), "brackets don't match")
            elif window.at_end or (has_ended and self._grammar.is_inside):
                break
            else:
                self._look_further(window, text)
                continue
            yield block
            start, is_line_start = block.next, False
        if self._is_array and self._is_all and not has_ended:
            line = window.line + bytes(window.view).rstrip().count(b"\n")
            self._fail("truncated_file", line, "it breaks off, and the array is not closed")

    def _look_further(self, window: Window, text: bytes) -> None:
        """Nothing was found yet. Blank lines are gone by, so that blanks alone don't fill the memory."""
        blank = len(text) - len(text.lstrip(b" \t\r\n,]"))
        line_end = text.rfind(b"\n", 0, blank)
        if line_end > 0 and b"]" not in text[:line_end]:
            window.take(line_end, lines=text.count(b"\n", 0, line_end), records=0)
        else:
            window.fill(min(2 * window.size, 4 * self._grammar.limit + len(text)))

    def _read(self, window: Window, text: bytes, found: Elements, start: BlockStart) -> RawBlock:
        line_ends = (byte_series(text) == LINE_FEED).arg_true()
        flat = text.replace(b"\n", b" ")
        records = [flat[begin:end] for begin, end in zip(found.begins, found.ends, strict=True)]
        lines = (
            line_ends.search_sorted(pl.Series(found.begins, dtype=pl.UInt32)).cast(pl.UInt64) + window.line
        ).to_list()
        scanned = Scanned(flat, found.tokens) if found.tokens is not None and self._is_unicode else None
        block = self._records.read(records, lines, scanned)
        consumed = found.consumed if block.count == len(records) else found.ends[block.count - 1]
        rejects = [(found.begins[index], reject) for index, reject in block.rejects]
        rejects += [
            (begin, self._reject(text[begin:end], window.line + int(line_ends.search_sorted(begin))))
            for begin, end in found.faults
            if begin < consumed
        ]
        rejects.sort(key=lambda placed: placed[0])
        count = block.frame.height + len(rejects)
        window.take(consumed, lines=int(line_ends.search_sorted(consumed)), records=count)
        return RawBlock(
            frame=block.frame,
            lines=block.lines,
            rejects=[reject for _, reject in rejects],
            bytes_read=window.stored_position,
            start=start,
            next=window.place,
        )

    def _reject(self, record: bytes, line: int) -> Reject:
        return reject_record("bad_json", line, readable(record, self._source.encoding).rstrip(), detail=_NOT_CLOSED)

    def _skip(self, window: Window, text: bytes, overlong: tuple[int, bytes | None], start: BlockStart) -> RawBlock:
        begin, indentation = overlong
        window.take(begin, lines=text.count(b"\n", 0, begin), records=0)
        shown = readable(text[begin : begin + KEPT_CHARACTERS], self._source.encoding)
        reject = reject_record("record_too_large", window.line, shown, cut_off=True)
        skip_overlong(window, self._source.encoding, indentation)
        window.take(0, lines=0, records=1)
        return RawBlock(
            frame=pl.DataFrame(schema=dict.fromkeys(self._source.columns, pl.String())),
            lines=pl.Series([], dtype=pl.UInt64),
            rejects=[reject],
            bytes_read=window.stored_position,
            start=start,
            next=window.place,
        )

    def _fail(self, code: str, line: int, what: str) -> NoReturn:
        raise DataError(
            code,
            f"The JSON document can't be read beyond line {line:,}: {what}. Upload the whole file again, or mend it.",
            details={"line": line},
        )
