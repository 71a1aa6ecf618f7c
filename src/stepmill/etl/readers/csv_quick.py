"""A quick look at CSV text, which is enough if every line of it is one record."""

from dataclasses import dataclass

import polars as pl

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.csv_fields import TooManyRaggedRowsError
from stepmill.etl.readers.csv_records import CARRIAGE_RETURN, LINE_FEED, CsvMarks, are_plain, byte_series
from stepmill.etl.readers.csv_rows import Rows, RowSplitter, without_blank
from stepmill.etl.readers.encoding import to_utf8
from stepmill.etl.readers.fixed_width import FixedWidthSplitter


@dataclass(frozen=True)
class QuickRows:
    """Rows of whole lines, one each; ``rows.indexes`` are their lines, from 0."""

    rows: Rows
    consumed: int
    line_count: int


class QuickLook:
    """Reads text in which nothing is out of the ordinary, and gives up on any other."""

    def __init__(
        self, source: SourceFormat, marks: CsvMarks, splitter: RowSplitter | FixedWidthSplitter, record_bytes: int
    ) -> None:
        self._encoding = source.encoding
        self._marks = marks
        self._splitter = splitter
        self._limit = record_bytes
        self._signs = [mark.encode() for mark in (marks.escape, marks.comment) if mark]
        self._has_failed = False

    def look(self, text: bytes) -> QuickRows | None:
        """The rows of ``text``, which ends with a line; None if it takes the records to tell."""
        if not text or any(sign in text for sign in self._signs) or self._may_be_overlong(text):
            return None
        utf8 = to_utf8(text, self._encoding)
        if utf8 is None:
            return None
        lines, are_simple = _count_lines(text)
        has_quotes = self._marks.quote is not None and self._marks.quote.encode() in text
        rows = self._split_full_rows(utf8, lines) if are_simple and not has_quotes else None
        if rows is None:
            rows = self._split_any(text, utf8, lines, has_quotes)
        return QuickRows(rows, len(text), lines) if rows is not None else None

    def _split_full_rows(self, utf8: bytes, lines: int) -> Rows | None:
        """All rows, if they have as many delimiters as they should, all together and, as the parser sees, each."""
        wanted = self._splitter.delimiters
        if wanted == 0 or _count(byte_series(utf8), ord(self._marks.delimiter)) != wanted * lines:
            return None
        if not self._ends_full(utf8, wanted):
            return None
        rows = self._splitter.split_unquoted(utf8)
        return rows if rows is not None and rows.frame.height == lines else None

    def _ends_full(self, utf8: bytes, wanted: int) -> bool:
        """Whether a last line without an end is a full row: there the parser overlooks a surplus empty field."""
        last = utf8[utf8.rfind(b"\n") + 1 :]
        return not last or last.count(self._marks.delimiter.encode()) == wanted

    def _split_any(self, text: bytes, utf8: bytes, lines: int, has_quotes: bool) -> Rows | None:
        """All rows, if there is one on each line: then no line is blank, and no line end is data."""
        if self._has_failed or (has_quotes and not self._has_plain_quotes(text)):
            return None
        try:
            rows = self._splitter.split_simple(utf8)
        except TooManyRaggedRowsError:
            return None
        if rows is None or rows.records != lines:
            self._has_failed = True  # such text is seldom alone
            return None
        return without_blank(rows)

    def _has_plain_quotes(self, text: bytes) -> bool:
        """Whether nothing is behind closing quotes, and the last quote closes; or all quotes are within plain fields.

        Otherwise a record that goes on behind the text would look like one that ends with it.
        """
        data = byte_series(text)
        quotes = (data == ord(self._marks.quote or "")).arg_true()
        if len(quotes) % 2 == 0 and are_plain(data, quotes, self._marks):
            return True
        return not self._opens_any(data, quotes)

    def _opens_any(self, data: pl.Series, quotes: pl.Series) -> bool:
        """Whether any of the quotes begins a field; elsewhere they are data."""
        before = data.gather(quotes.filter(quotes > 0) - 1)
        edges = [ord(self._marks.delimiter), LINE_FEED, CARRIAGE_RETURN]
        if self._marks.skip_initial_space:
            edges.append(ord(" "))
        return quotes[0] == 0 or bool(before.is_in(edges).any())

    def _may_be_overlong(self, text: bytes) -> bool:
        """A line longer than the limit spans half of it somewhere; looking there costs nothing."""
        half = self._limit // 2
        return any(
            text.find(b"\n", begin, begin + half) < 0 and begin + half <= len(text)
            for begin in range(0, len(text), half)
        )


def _count_lines(text: bytes) -> tuple[int, bool]:
    """How many lines there are, and whether all of them end in LF or CR LF."""
    data = byte_series(text)
    lines = _count(data, LINE_FEED)
    lone = 0
    if b"\r" in text:
        followed = int(((data == CARRIAGE_RETURN) & (data.shift(-1) == LINE_FEED)).sum())
        lone = _count(data, CARRIAGE_RETURN) - followed
    is_ended = text.endswith((b"\n", b"\r"))
    return lines + lone + (not is_ended), lone == 0


def _count(data: pl.Series, byte: int) -> int:
    return int((data == byte).sum())
