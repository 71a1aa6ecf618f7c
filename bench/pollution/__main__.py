"""``python -m bench.pollution [--each N] [--seed N] [--keep DIR]``: make the files, read them, print a score a kind."""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from rich.console import Console

from bench.pollution.kinds import KINDS, Kind, Polluted
from bench.pollution.score import Score, score
from bench.report import Row, at_least, show

_OF_A_CELL_OR_ROW = 0.99
_OF_A_FILE = 0.95
_AT_ONCE = 500


def main() -> int:
    """Make, read and score."""
    parser = argparse.ArgumentParser(prog="python -m bench.pollution", description=__doc__)
    parser.add_argument("--each", type=int, default=30, help="files of each kind (default: 30)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder in which the files and what was read of them stay")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stepmill-pollution-") as temporary:
        folder = given.keep or Path(temporary)
        truths = _make(folder / "files", given.each, given.seed)
        _read(sorted((folder / "files").glob("*.csv")), folder / "read")
        scores = {
            kind.name: [score(truth, folder / "read" / name) for name, truth in truths[kind.name]] for kind in KINDS
        }
        reached = show(Console(), f"{sum(map(len, truths.values())):,} polluted files", _rows(scores))
    return 0 if reached else 1


def _make(folder: Path, each: int, seed: int) -> dict[str, list[tuple[str, Polluted]]]:
    folder.mkdir(parents=True, exist_ok=True)
    truths: dict[str, list[tuple[str, Polluted]]] = {}
    for kind in KINDS:
        truths[kind.name] = []
        for number in range(each):
            name = f"{kind.name.replace(' ', '_')}-{number:03d}.csv"
            made = kind.make(Random(f"{seed}/{kind.name}/{number}"))
            (folder / name).write_bytes(made.data)
            truths[kind.name].append((name, made))
    return truths


def _read(files: list[Path], target: Path) -> None:
    for begin in range(0, len(files), _AT_ONCE):
        names = map(str, files[begin : begin + _AT_ONCE])
        subprocess.run(
            [sys.executable, "-m", "stepmill.cli", "inspect", *names, "--as-csv", str(target)], capture_output=True
        )


def _rows(scores: dict[str, list[Score]]) -> list[Row]:
    def mean(kinds: list[Kind]) -> float:
        return statistics.mean(each.mean for kind in kinds for each in scores[kind.name])

    return [
        *(Row(kind.name, _told(scores[kind.name])) for kind in KINDS),
        at_least("kinds of a cell or a row, mean", mean([kind for kind in KINDS if not kind.whole]), _OF_A_CELL_OR_ROW),
        at_least("kinds of the whole file, mean", mean([kind for kind in KINDS if kind.whole]), _OF_A_FILE),
    ]


def _told(scores: list[Score]) -> str:
    header, records, cells = (
        statistics.mean(getattr(each, name) for each in scores) for name in ("header", "records", "cells")
    )
    mean = statistics.mean(each.mean for each in scores)
    return f"{mean:.3f}  (header {header:.3f}, records {records:.3f}, cells {cells:.3f})"


if __name__ == "__main__":
    sys.exit(main())
