"""Rows whose fields have lost their places: put back where the values say so plainly, and left alone otherwise.

A row may lack fields or have too many, because its end was cut off, a delimiter was not quoted, or it is written in
another delimiter; and a quote too many may have spoilt it. Each way to make a row of it is a candidate. How well one
fits is how likely each of its values is in the column that it comes to, by what the file's first rows look like. The
best is taken where every value fits, and all others fit far less.
"""

import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from stepmill.etl.readers.csv_records import CsvMarks
from stepmill.etl.readers.shapes import LEAST_ROWS, ColumnShape, shapes_of

SampleRows = Callable[[], Sequence[Sequence[str]]]
"""Gives the source's first rows that are as they should be."""

_FITS = 0.04  # the least likelihood of a value in its column
_FAR_LESS = math.log(20)
_AT_THE_END = 0.0  # a row that was cut off is by far the commonest
_ELSEWHERE = -math.log(20)
_TORN = -math.log(10)  # for each value with a quote in it: one hurt is likelier than two
_MOST_MISSING = 2  # elsewhere than at the end
_MOST_SURPLUS = 12
_OTHERS = (",", ";", "\t", "|")
_UNDOUBLED = 2


@dataclass(frozen=True)
class Candidate:
    """One way to make a row of a record: its cells, which of them are not to be judged, and how common that way is."""

    cells: tuple[str, ...]
    way: str
    prior: float
    unjudged: frozenset[int] = frozenset()


class Mender:
    """Mends the records of one source. ``sample`` is asked once, when there is the first record to mend."""

    def __init__(self, marks: CsvMarks, width: int, sample: SampleRows) -> None:
        self._marks = marks
        self._width = width
        self._sample = sample

    @cached_property
    def _shapes(self) -> tuple[ColumnShape, ...] | None:
        rows = self._sample() if self._width > 1 else ()
        return shapes_of(rows) if len(rows) >= LEAST_ROWS else None

    def ragged(self, record: str) -> Candidate | None:
        """The row that a record of another width was meant to be."""
        if self._shapes is None:
            return None
        cells = self._split(record, self._marks.delimiter)
        return self._best([*self._aligned(cells), *self._otherwise_delimited(record)])

    def spoilt(self, record: str) -> Candidate | None:
        """The row that a record was meant to be which a quote has spoilt. The quote stays in its value."""
        quote = self._marks.quote
        if self._shapes is None or quote is None or "\n" in record or "\r" in record:
            return None
        whole = self._split_around(record, quote)
        naive = record.split(self._marks.delimiter)
        return self._best([*self._with_quote(whole, quote), *self._with_quote(naive, quote)])

    def _split(self, record: str, delimiter: str) -> list[str]:
        marks = self._marks
        reader = csv.reader([record], delimiter=delimiter, quotechar=marks.quote, escapechar=marks.escape)
        return next(iter(reader), [])

    def _split_around(self, record: str, quote: str) -> list[str]:
        """The fields, where one that begins with a quote goes on to the next one that a delimiter follows."""
        d, q = re.escape(self._marks.delimiter), re.escape(quote)
        field = re.compile(rf"{q}.*?{q}(?={d}|\Z)|[^{d}]*", re.DOTALL)
        cells, place = [], 0
        while True:
            match = field.match(record, place)
            assert match is not None, "a field may be empty"
            cells.append(match[0])
            place = match.end() + 1
            if match.end() >= len(record):
                return cells

    def _with_quote(self, cells: Sequence[str], quote: str) -> Iterator[Candidate]:
        for candidate in self._aligned(cells, in_place="stray_quote"):
            hurt = {place for place, cell in enumerate(candidate.cells) if _is_torn(cell, quote)}
            plain = tuple(_unquoted(cell, quote) for cell in candidate.cells)
            yield Candidate(plain, "stray_quote", candidate.prior + _TORN * len(hurt), frozenset(hurt))

    def _otherwise_delimited(self, record: str) -> Iterator[Candidate]:
        for delimiter in _OTHERS:
            if delimiter != self._marks.delimiter and record.count(delimiter) >= self._width - 1:
                cells = self._split(record, delimiter)
                if len(cells) == self._width:
                    yield Candidate(tuple(cells), "other_delimiter", _AT_THE_END)

    def _aligned(self, cells: Sequence[str], in_place: str = "") -> Iterator[Candidate]:
        """All rows of the right width that have the cells in their order."""
        missing = self._width - len(cells)
        if missing == 0 and in_place:
            yield Candidate(tuple(cells), in_place, _AT_THE_END)
        elif 0 < missing < self._width - 1:
            yield from self._filled(tuple(cells), missing)
        elif 0 < -missing <= _MOST_SURPLUS:
            yield from self._shortened(tuple(cells), -missing)

    def _filled(self, cells: tuple[str, ...], missing: int) -> Iterator[Candidate]:
        end = frozenset(range(len(cells), self._width))
        yield Candidate((*cells, *[""] * missing), "missing_fields", _AT_THE_END, end)
        if missing > _MOST_MISSING:
            return
        for at in range(len(cells)):
            row = (*cells[:at], *[""] * missing, *cells[at:])
            yield Candidate(row, "missing_fields", _ELSEWHERE, frozenset(range(at, at + missing)))

    def _shortened(self, cells: tuple[str, ...], surplus: int) -> Iterator[Candidate]:
        if not any(cells[self._width :]):
            yield Candidate(cells[: self._width], "surplus_fields", _AT_THE_END)
        for at in range(self._width):
            merged = self._marks.delimiter.join(cells[at : at + surplus + 1])
            yield Candidate((*cells[:at], merged, *cells[at + surplus + 1 :]), "unquoted_delimiter", _ELSEWHERE)

    def _best(self, candidates: list[Candidate]) -> Candidate | None:
        """The one that fits far better than all that would give another row."""
        judged = sorted(((self._fit(each), each) for each in candidates), key=lambda pair: pair[0], reverse=True)
        if not judged or judged[0][0] == -math.inf:
            return None
        fit, best = judged[0]
        others = [fit_of for fit_of, each in judged[1:] if each.cells != best.cells]
        return best if not others or fit - others[0] >= _FAR_LESS else None

    def _fit(self, candidate: Candidate) -> float:
        shapes = self._shapes
        assert shapes is not None
        total = candidate.prior
        for place, (cell, shape) in enumerate(zip(candidate.cells, shapes, strict=True)):
            if place in candidate.unjudged:
                continue
            likelihood = shape.likelihood(cell)
            if likelihood < _FITS:
                return -math.inf
            total += math.log(likelihood)
        return total


def _is_torn(cell: str, quote: str) -> bool:
    """Whether a quote in the cell is not where it should be."""
    return quote in (_unquoted(cell, quote) if cell.startswith(quote) else cell)


def _unquoted(cell: str, quote: str) -> str:
    """Without the quotes that enclose it, doubled ones as one."""
    if len(cell) >= _UNDOUBLED and cell.startswith(quote) and cell.endswith(quote):
        return cell[1:-1].replace(quote * 2, quote)
    return cell
