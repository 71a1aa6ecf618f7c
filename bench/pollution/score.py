"""How much of a file's truth was read: precision and recall of its header, records and cells, as Pollock has them."""

import csv
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.pollution.kinds import Polluted

csv.field_size_limit(16 * 1024 * 1024)


@dataclass(frozen=True)
class Score:
    """Each from 0 to 1: the harmonic mean of precision and recall."""

    header: float
    records: float
    cells: float

    @property
    def mean(self) -> float:
        """Of the three."""
        return (self.header + self.records + self.cells) / 3


def score(truth: Polluted, path: Path) -> Score:
    """Compare a file that ``stepmill inspect --as-csv`` wrote with the truth. One that is not there has nothing."""
    read = _rows(path) if path.exists() else []
    header = read[0] if truth.header is not None and read else []
    rows = read[1:] if truth.header is not None else read
    cells = [cell for row in truth.rows for cell in row]
    return Score(
        _f1(truth.header or (), header) if truth.header is not None else float(bool(read)),
        _f1(truth.rows, rows),
        _f1(cells, [cell for row in rows for cell in row]),
    )


def _rows(path: Path) -> list[tuple[str, ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


def _f1(truth: Iterable[Hashable], read: Iterable[Hashable]) -> float:
    wanted, found = Counter(truth), Counter(read)
    both = sum((wanted & found).values())
    if not both:
        return float(not wanted and not found)
    precision, recall = both / sum(found.values()), both / sum(wanted.values())
    return 2 * precision * recall / (precision + recall)
