"""Where in a JSON text its brackets, colons and commas are, and how deep: for megabytes at once.

Strings are what is between two quotes that are not escaped. The text is never parsed here; whether it is valid is for
others to say.
"""

import re
from dataclasses import dataclass

import polars as pl
import pyarrow.compute as pc

from stepmill.etl.readers.csv_records import byte_series

QUOTE, COMMA, COLON, LINE_FEED = (ord(mark) for mark in '",:\n')
OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY = (ord(mark) for mark in "{}[]")
_DOUBLE_BYTES = re.compile(rb"[\x81-\xfe][\x40-\xfe]")
_DOUBLE_BYTE_ENCODINGS = frozenset(
    {"cp932", "shift_jis", "gb18030", "gbk", "gb2312", "big5", "cp949", "cp950", "euc_jp", "euc_kr"}
)


@dataclass(frozen=True)
class Tokens:
    """Marks outside strings: where they are, which, and how many brackets are open behind each."""

    positions: pl.Series
    kinds: pl.Series
    depths: pl.Series

    def head(self, count: int) -> "Tokens":
        """The first ones."""
        return Tokens(self.positions.head(count), self.kinds.head(count), self.depths.head(count))


@dataclass(frozen=True)
class Scanned:
    """Some JSON values in UTF-8 as they stand in a text, with its marks."""

    text: bytes
    tokens: Tokens


def without_escapes(text: bytes, encoding: str = "utf-8") -> bytes:
    """The text with what only looks like a mark made harmless, byte for byte in its place."""
    if encoding in _DOUBLE_BYTE_ENCODINGS and not text.isascii():
        text = _DOUBLE_BYTES.sub(b"__", text)
    if b"\\" in text:
        text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    return text


def scan_tokens(text: bytes, marks: bytes) -> Tokens:
    """The ``marks`` outside strings in a text without escapes. Quotes are none of them; line ends may be.

    A string ends with its line at the latest: JSON has no line ends in strings, so a quote that is missing does its
    harm in one line. That takes line ends among the marks.
    """
    is_mark = byte_series(text.translate(bytes(byte in marks or byte == QUOTE for byte in range(256)))) == 1
    kinds = byte_series(text).filter(is_mark)
    positions = pl.int_range(len(text), dtype=pl.UInt32, eager=True).filter(is_mark)
    is_quote = kinds == QUOTE
    is_outside = _is_even(is_quote, kinds) & ~is_quote
    positions, kinds = positions.filter(is_outside), kinds.filter(is_outside)
    opening = (kinds == OPEN_OBJECT) | (kinds == OPEN_ARRAY)
    closing = (kinds == CLOSE_OBJECT) | (kinds == CLOSE_ARRAY)
    return Tokens(positions, kinds, running_sum(opening.cast(pl.Int32) - closing.cast(pl.Int32)))


def running_sum(numbers: pl.Series) -> pl.Series:
    """The sum up to each number, in the same type. Arrow takes a quarter of the time that Polars does."""
    series = pl.from_arrow(pc.cumulative_sum(numbers.to_arrow()))
    if not isinstance(series, pl.Series):
        raise TypeError("an array makes a series")
    return series


def _is_even(is_quote: pl.Series, kinds: pl.Series) -> pl.Series:
    """Whether each mark is behind an even number of quotes of its line."""
    quotes = running_sum(is_quote.cast(pl.UInt8)) & 1  # of a number that overflows, the last bit is still right
    at_line_ends = quotes.filter(kinds == LINE_FEED)
    if (at_line_ends == 0).all():
        return quotes == 0
    line = running_sum((kinds == LINE_FEED).cast(pl.UInt32))  # a line end counts as outside, whatever comes before
    before = pl.concat([pl.Series([0], dtype=quotes.dtype), at_line_ends]).gather(line)
    return quotes == before
