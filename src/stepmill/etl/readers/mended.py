"""What there is to say of rows that were mended: how many in each way, and the first of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stepmill.etl.readers.block import MendedRow

_WAYS = {
    "missing_fields": "with fields missing are filled with empty ones, as their values tell",
    "surplus_fields": "with empty fields too many at their end are loaded without these",
    "unquoted_delimiter": "with a delimiter that is not in quotes are loaded with it in a value, as their values tell",
    "other_delimiter": "in another delimiter are split at that",
    "stray_quote": "with a quote too many are loaded with the quote in the value",
}


@dataclass(frozen=True)
class Mended:
    """Rows of one source that were mended in one way, and the line of the first."""

    way: str
    count: int
    line: int

    @property
    def message(self) -> str:
        """A sentence for people."""
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        return f"{rows} {_WAYS[self.way]}: {'' if self.count == 1 else 'the first is '}line {self.line:,}."


class MendedCount:
    """Counts mended rows, in the order of the source."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    def add(self, rows: Iterable[MendedRow]) -> None:
        """Count these, too."""
        for row in rows:
            self._first.setdefault(row.way, row.line)
            self._counts[row.way] = self._counts.get(row.way, 0) + 1

    def __iter__(self) -> Iterator[Mended]:
        """What there is to say, the earliest first."""
        for way, line in sorted(self._first.items(), key=lambda item: item[1]):
            yield Mended(way, self._counts[way], line)
