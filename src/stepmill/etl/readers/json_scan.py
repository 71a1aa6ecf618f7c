"""Where in a JSON text its brackets, colons and commas are, and how deep: for megabytes at once.

Strings are what is between two quotes that are not escaped. The text is never parsed here; whether it is valid is for
others to say.
"""

import re
from dataclasses import dataclass

import polars as pl

from stepmill.etl.readers.csv_records import byte_series

QUOTE, COMMA, COLON, LINE_FEED = (ord(mark) for mark in '",:\n')
OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY = (ord(mark) for mark in "{}[]")
_OPENING, _CLOSING = [OPEN_OBJECT, OPEN_ARRAY], [CLOSE_OBJECT, CLOSE_ARRAY]
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
    is_mark = bytes(byte in marks or byte == QUOTE for byte in range(256))
    positions = (byte_series(text.translate(is_mark)) == 1).arg_true()
    kinds = byte_series(text).gather(positions)
    is_quote = kinds == QUOTE
    quotes = is_quote.cast(pl.UInt32).cum_sum()
    is_outside = _is_even(quotes, kinds) & ~is_quote
    positions, kinds = positions.filter(is_outside), kinds.filter(is_outside)
    steps = kinds.is_in(_OPENING).cast(pl.Int32) - kinds.is_in(_CLOSING).cast(pl.Int32)
    return Tokens(positions, kinds, steps.cum_sum())


def _is_even(quotes: pl.Series, kinds: pl.Series) -> pl.Series:
    """Whether each mark is behind an even number of quotes of its line."""
    is_line_end = kinds == LINE_FEED
    at_line_ends = quotes.filter(is_line_end)
    if (at_line_ends % 2 == 0).all():
        return quotes % 2 == 0
    line = is_line_end.cast(pl.UInt32).cum_sum()  # the line feed itself counts as outside, whatever comes before
    before = pl.concat([pl.Series([0], dtype=quotes.dtype), at_line_ends]).gather(line)
    return (quotes - before) % 2 == 0
