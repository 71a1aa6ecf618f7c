"""Fields by their places: text in which each field begins at the same character of every line, filled up with spaces.

Where one field ends and the next begins there is a space in every line of the table. A line that has something there is
none of it: a title, a footnote, or a row that can't be told apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.csv_fields import FieldSplitter, RaggedRow, TooManyRaggedRowsError
from stepmill.etl.readers.csv_records import CsvMarks, Records
from stepmill.etl.readers.csv_rows import Rows

_LINES_JUDGED = 500
_LEAST_LINES = 4
_LONGEST_LINE = 4_000
_LONGEST_FIELD = 2**31
_NEARLY_ALL = 0.85  # of the lines of a text; the others are titles and footnotes
_MOST = 0.6  # of the lines are the table's, where blank lines part it from what is around it
_PADDED = 0.5  # of the lines: otherwise a single space separates fields of any length
_FILLED = 0.02  # of the lines have something in each field


def cut(line: str, starts: Sequence[int], *, spaced: bool = True) -> list[str] | None:
    """The fields of a line without the spaces around them; None if it has something where they have to be apart."""
    if spaced and any(line[start - 1 : start].strip(" ") for start in starts[1:]):
        return None
    return [line[begin:end].strip(" ") for begin, end in pairwise([*starts, None])]


class FixedWidthSplitter:
    """Cuts lines of text in UTF-8 into rows, as a :class:`RowSplitter` splits them."""

    delimiters = 0

    def __init__(self, source: SourceFormat, marks: CsvMarks, max_ragged: int) -> None:
        self._columns = source.columns
        self._starts = source.starts
        self._spaced = source.starts[1:] if source.spaced else ()
        self._lines = FieldSplitter(1, marks, max_ragged)
        self._max_ragged = max_ragged

    def split_unquoted(self, text: bytes) -> Rows | None:
        """There is nothing quicker than to look at each line."""
        return None

    def split_simple(self, text: bytes) -> Rows | None:
        """The rows of any text. Raises TooManyRaggedRowsError."""
        lines = self._lines.split(text).frame.to_series(0)
        apart = [lines.str.slice(start - 1, 1).is_in(["", " "]) for start in self._spaced]
        fits = pl.select(pl.all_horizontal(*apart)).to_series() if apart else pl.repeat(True, len(lines), eager=True)
        fits &= lines.str.strip_chars(" ") != ""
        indexes = pl.int_range(len(lines), dtype=pl.UInt32, eager=True)
        others = indexes.filter(~fits).to_list()
        if len(others) > self._max_ragged:
            raise TooManyRaggedRowsError(others[self._max_ragged])
        ragged = [RaggedRow(index, 1, lines[index]) for index in others]
        return Rows(self._cut(lines.filter(fits)), indexes.filter(fits), ragged)

    def split(self, text: bytes, records: Records) -> Rows:
        """The same; what records there are makes no difference. Raises TooManyRaggedRowsError."""
        rows = self.split_simple(text)
        assert rows is not None
        return rows

    def _cut(self, lines: pl.Series) -> pl.DataFrame:
        widths = [end - begin for begin, end in pairwise(self._starts)]
        fields = [
            lines.str.slice(begin, width).str.strip_chars(" ").alias(name)
            for name, begin, width in zip(self._columns, self._starts, [*widths, _LONGEST_FIELD], strict=True)
        ]
        return pl.DataFrame(fields)


@dataclass(frozen=True)
class _Gap:
    """Characters that are a space in every line: from the first up to the one that a field begins with."""

    begin: int
    end: int


def find_starts(texts: Sequence[str]) -> tuple[int, ...]:
    """Where the fields of such a text begin; empty if it is none, so far as can be told. The first text begins it."""
    if not _may_be_filled_up(texts):
        return ()
    parts = _paragraphs(texts[0])
    others = [line for text in texts[1:] for line in text.splitlines() if line.strip()]
    lines = [*(line for part in parts for line in part), *others][:_LINES_JUDGED]
    padded = sum("  " in line.strip() for line in lines)
    if len(lines) < _LEAST_LINES or padded < _PADDED * len(lines):
        return ()
    if any("\t" in line or len(line) > _LONGEST_LINE for line in lines):
        return ()
    longest = [*max(parts, key=len), *others][:_LINES_JUDGED] if parts else lines
    blocks = [lines, longest] if len(longest) >= _MOST * len(lines) else [lines]
    found = max((_joined(block, _gaps(block, 1.0)) for block in blocks), key=len)
    if _are_filled_up(lines, found):
        return found
    # Titles without a blank line behind them. Fields that are mostly empty may look like gaps then, so this comes last.
    rough = _starts(_gaps(lines, _NEARLY_ALL))
    table = [line for line in lines if sum(map(bool, cut(line, rough) or ())) > 1]
    if len(table) < max(_LEAST_LINES, _NEARLY_ALL * len(lines)):
        return ()
    found = _joined(table, _gaps(table, 1.0))
    return found if _are_filled_up(table, found) else ()


def _may_be_filled_up(texts: Sequence[str]) -> bool:
    """Whether there are as many spaces in pairs as it takes; most texts have not, and are looked at no further."""
    lines = sum(max(text.count("\n"), text.count("\r")) for text in texts)
    return sum(text.count("  ") for text in texts) >= max(1, _PADDED * lines / 2)  # of the lines some may be blank


def _are_filled_up(lines: Sequence[str], starts: Sequence[int]) -> bool:
    """Whether most lines have two spaces before a field: in a text, words may be apart at one place by chance."""
    filled_up = sum(any(line[start - 2 : start + 1].startswith("  ") for start in starts[1:]) for line in lines)
    return filled_up >= _PADDED * len(lines)


def _paragraphs(text: str) -> list[list[str]]:
    """The lines between blank ones."""
    parts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            parts[-1].append(line)
        elif parts[-1]:
            parts.append([])
    return parts


def _gaps(lines: Sequence[str], share: float) -> list[_Gap]:
    """Runs of places that are spaces, or behind the end, in so many of the lines, and have text behind them."""
    width = max(map(len, lines), default=0)
    filled = [0] * (width + 1)
    for line in lines:
        for place, character in enumerate(line):
            filled[place] += character != " "
    most = (1 - share) * len(lines)
    blank = [count <= most for count in filled]
    gaps, begin = [], 0
    for place in range(width):
        if not blank[place]:
            if begin < place and begin > 0:
                gaps.append(_Gap(begin, place))
            begin = place + 1
    return gaps


def _starts(gaps: Sequence[_Gap]) -> tuple[int, ...]:
    return (0, *(gap.end for gap in gaps))


def _joined(table: Sequence[str], gaps: Sequence[_Gap]) -> tuple[int, ...]:
    """Where fields begin, without the gaps that are within one.

    Within one is a gap beside which never both sides have something, as between a name at the left and its numbers at
    the right; and a single space beneath a name that does not reach so far, as between a date and a time.
    """
    kept = [*gaps]
    while True:
        starts = _starts(kept)
        rows = [cut(line, starts) or [] for line in table]
        inside = next((place for place, gap in enumerate(kept) if _is_inside(gap, place, rows)), None)
        if inside is None:
            return starts
        del kept[inside]


def _is_inside(gap: _Gap, place: int, rows: Sequence[Sequence[str]]) -> bool:
    left, right = [row[place] for row in rows], [row[place + 1] for row in rows]
    if not any(a and b for a, b in zip(left, right, strict=True)):
        return True
    is_single = gap.end - gap.begin == 1
    return is_single and not right[0] and sum(map(bool, right)) > _FILLED * len(rows)
