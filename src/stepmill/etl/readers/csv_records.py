"""Splits CSV text into records, over quoted line ends, with a limit on their size.

Two ways with one meaning. Where each quote plainly opens or closes a field, counting quotes tells which line ends are
record ends, for a whole window at once. Otherwise `csv_walk.py` goes through the lines that hold a quote one by one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl
import pyarrow as pa

LINE_FEED, CARRIAGE_RETURN = 10, 13


@dataclass(frozen=True)
class CsvMarks:
    """The characters that split a text into records."""

    delimiter: str
    quote: str | None
    escape: str | None
    comment: str | None
    skip_initial_space: bool = False


@dataclass(frozen=True)
class Fault:
    """A line, counted from 0 in its window, that is no record and does not begin one that ends in time."""

    code: str
    line: int
    begin: int
    end: int


@dataclass(frozen=True)
class Records:
    """What was found in a window.

    ``text`` has the good records, beginning at ``starts`` in it, at ``offsets`` in the window, and on ``lines`` of it
    (from 0). Together with faults, comments and blank lines they take ``consumed`` bytes and ``line_count`` lines.
    """

    text: bytes
    starts: pl.Series
    offsets: pl.Series
    lines: pl.Series
    faults: list[Fault]
    consumed: int
    line_count: int

    def head(self, count: int) -> "Records":
        """Only the first ``count`` records, and the faults before the next."""
        if count >= len(self.starts):
            return self
        line = int(self.lines[count])
        return replace(
            self,
            text=self.text[: int(self.starts[count])],
            starts=self.starts.head(count),
            offsets=self.offsets.head(count),
            lines=self.lines.head(count),
            faults=[fault for fault in self.faults if fault.line < line],
            consumed=int(self.offsets[count]),
            line_count=line,
        )

    def without(self, indexes: Iterable[int]) -> "Records":
        """All but these records."""
        gone = set(indexes)
        starts = [*self.starts.to_list(), len(self.text)]
        kept = [index for index in range(len(self.starts)) if index not in gone]
        pieces = [self.text[starts[index] : starts[index + 1]] for index in kept]
        return replace(
            self, text=b"".join(pieces), starts=starts_of(pieces), offsets=self.offsets[kept], lines=self.lines[kept]
        )

    def record(self, index: int) -> bytes:
        """The text of one record, without its line end."""
        end = int(self.starts[index + 1]) if index + 1 < len(self.starts) else len(self.text)
        return self.text[int(self.starts[index]) : end].rstrip(b"\r\n")


@dataclass(frozen=True)
class Lines:
    """A window's text and where its lines end: behind the line end, or at the end of the file."""

    text: bytes
    data: pl.Series
    ends: pl.Series
    at_end: bool

    @property
    def starts(self) -> pl.Series:
        """Where each line begins."""
        return pl.concat([pl.Series([0], dtype=pl.UInt32), self.ends.head(max(0, len(self.ends) - 1))])


def byte_series(data: bytes | memoryview) -> pl.Series:
    """The bytes as numbers, without copying."""
    series = pl.from_arrow(pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)]))
    if not isinstance(series, pl.Series):
        raise TypeError("an array makes a series")
    return series


def find_lines(text: bytes, *, at_end: bool) -> Lines:
    """Lines end in LF, CR LF or CR, mixed as they come."""
    data = byte_series(text)
    is_end = data == LINE_FEED
    if b"\r" in text:
        following = data.shift(-1, fill_value=0 if at_end else LINE_FEED)  # what is not seen may be the CR's LF
        is_end = is_end | ((data == CARRIAGE_RETURN) & (following != LINE_FEED))
    ends = is_end.arg_true() + 1
    if at_end and text and (len(ends) == 0 or ends[-1] != len(text)):
        ends = pl.concat([ends, pl.Series([len(text)], dtype=ends.dtype)])
    return Lines(text, data, ends, at_end)


class QuoteCounter:
    """Splits text whose quotes are plain, by their number before each line end."""

    def __init__(self, marks: CsvMarks, record_bytes: int) -> None:
        self._marks = marks
        self._limit = record_bytes

    def split(self, lines: Lines) -> Records | None:
        """The records that end in the text; None where it takes a closer look."""
        if not self._can_count(lines.text):
            return None
        last_lines = self._last_lines(lines)
        if last_lines is None:
            return None
        ends = lines.ends.gather(last_lines)
        consumed = int(ends[-1]) if len(ends) else 0
        offsets = pl.concat([pl.Series([0], dtype=ends.dtype), ends]).head(len(ends))
        if len(lines.text) - consumed > self._limit or _maximum(ends - offsets) > self._limit:
            return None
        first_lines = pl.concat([pl.Series([0], dtype=last_lines.dtype), last_lines + 1])
        return self._records(lines, offsets, first_lines, consumed)

    def _can_count(self, text: bytes) -> bool:
        marks = self._marks
        if marks.escape and marks.escape.encode() in text:
            return False
        has_comments = marks.comment is not None and marks.comment.encode() in text
        return not (has_comments and marks.quote and marks.quote.encode() in text)

    def _last_lines(self, lines: Lines) -> pl.Series | None:
        """The lines that end a record, by index; None if the quotes are not plain."""
        if self._marks.quote is None or self._marks.quote.encode() not in lines.text:
            return pl.int_range(len(lines.ends), dtype=pl.UInt32, eager=True)
        quotes = (lines.data == ord(self._marks.quote)).arg_true()
        if not are_plain(lines.data, quotes, self._marks) or (lines.at_end and len(quotes) % 2):
            return None
        return (quotes.search_sorted(lines.ends, side="left") % 2 == 0).arg_true()

    def _records(self, lines: Lines, offsets: pl.Series, first_lines: pl.Series, consumed: int) -> Records:
        line_count = int(first_lines[-1])
        first_bytes = lines.data.gather(offsets)
        has_text = ~first_bytes.is_in([LINE_FEED, CARRIAGE_RETURN])
        offsets = offsets.filter(has_text)
        first_lines = first_lines.head(len(has_text)).filter(has_text)
        found = Records(lines.text[:consumed], offsets, offsets, first_lines, [], consumed, line_count)
        if self._marks.comment is None:
            return found
        comments = (first_bytes.filter(has_text) == ord(self._marks.comment)).arg_true()
        return found.without(comments.to_list()) if len(comments) else found


def are_plain(data: pl.Series, quotes: pl.Series, marks: CsvMarks) -> bool:
    """Whether each quote that opens begins a field or doubles the one before, and each that closes ends a field.

    ``quotes``: where all quotes are.
    """
    opening, closing = quotes.gather_every(2), quotes.gather_every(2, 1)
    before = data.gather(opening.filter(opening > 0) - 1)
    after = data.gather(closing.filter(closing < len(data) - 1) + 1)
    allowed = [ord(marks.delimiter), LINE_FEED, CARRIAGE_RETURN, *([ord(marks.quote)] if marks.quote else [])]
    return bool(before.is_in(allowed).all() and after.is_in(allowed).all())


def starts_of(pieces: list[bytes]) -> pl.Series:
    """Where each of the pieces begins when they are joined."""
    lengths = pl.Series([len(piece) for piece in pieces], dtype=pl.UInt32)
    return (lengths.cum_sum() - lengths).cast(pl.UInt32)


def _maximum(values: pl.Series) -> int:
    largest = values.max()
    return largest if isinstance(largest, int) else 0
