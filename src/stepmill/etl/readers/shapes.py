"""What the values of each column look like: to tell where a field belongs that has lost its place."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stepmill.etl.readers.cells import CellKind, kind_of

LEAST_ROWS = 15
"""From so many rows on, a column's values can be said to look alike."""

_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
_PATTERN_CHARACTERS = 40
_KIND_SHARE = 0.6  # of the likelihood; the rest is the pattern's
_LEAST = 0.002
_SPACE_AS_OFTEN = 0.03  # that a value begins with a space in a column where hardly any does


@dataclass(frozen=True)
class ColumnShape:
    """How often each kind of value comes in a column, and each pattern, from 0 to 1."""

    kinds: dict[str, float]
    patterns: dict[str, float]
    spaced: float
    """How many begin with a space."""

    def likelihood(self, cell: str) -> float:
        """How likely a value of this column looks like the cell: above 0, up to 1."""
        kind = self.kinds.get(_kind(cell), 0.0)
        pattern = self.patterns.get(_pattern(cell), 0.0)
        spaced = max(self.spaced, _SPACE_AS_OFTEN) if cell.startswith(" ") else 1.0
        return max(_LEAST, (_KIND_SHARE * kind + (1 - _KIND_SHARE) * pattern) * spaced)


def shapes_of(rows: Sequence[Sequence[str]]) -> tuple[ColumnShape, ...]:
    """The shape of each column of rows of one width; there is at least one row."""
    return tuple(_shape([row[column] for row in rows]) for column in range(len(rows[0])))


def _shape(cells: Sequence[str]) -> ColumnShape:
    spaced = sum(cell.startswith(" ") for cell in cells) / len(cells)
    return ColumnShape(_shares(map(_kind, cells)), _shares(map(_pattern, cells)), spaced)


def _shares(signs: "map[str]") -> dict[str, float]:
    counts = Counter(signs)
    total = counts.total()
    return {sign: count / total for sign, count in counts.items()}


def _kind(cell: str) -> str:
    """Numbers, times and nothing are told from words, and words not from each other."""
    kind = kind_of(cell)
    return kind.name if kind in (CellKind.EMPTY, CellKind.NUMBER, CellKind.TIME) else CellKind.TEXT.name


def _pattern(cell: str) -> str:
    """The cell with each number and each word as one sign."""
    return _LETTERS.sub("a", _DIGITS.sub("9", cell[:_PATTERN_CHARACTERS]))
