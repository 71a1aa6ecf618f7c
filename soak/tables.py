"""Tables that are loaded again and again, beside what each must hold."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from stepmill.client import LoadMode

HEADER = "id,at,name,amount,note\n"
_NAMES = ("one.csv", "two.csv", "three.csv")
_KEYS = 60_000
_DAYS = range(1, 29)
_WRONG_EACH = 9_973
"""One line in so many has too few fields, and is rejected."""


@dataclass(frozen=True)
class Made:
    """A file: its rows, and how many lines of it are wrong."""

    name: str
    path: Path
    rows: tuple[str, ...]
    wrong: int


@dataclass
class Model:
    """What a table of this mode holds after each of its loads."""

    mode: LoadMode
    by_file: dict[str, tuple[str, ...]] = field(default_factory=dict)
    loads: int = 0

    def load(self, file: Made) -> None:
        """A load of this file is DONE."""
        self.loads += 1
        if self.mode == "replace":
            self.by_file = {file.name: file.rows}
        elif self.mode == "replaceFile":
            self.by_file[file.name] = file.rows
        elif self.mode == "append":
            self.by_file[f"{file.name} {self.loads}"] = file.rows
        elif self.mode == "replacePartition":
            days = {_day(row) for row in file.rows}
            kept = (row for row in self.by_file.get("", ()) if _day(row) not in days)
            self.by_file = {"": (*kept, *file.rows)}
        else:
            rows = {_key(row): row for row in (*self.by_file.get("", ()), *file.rows)}
            self.by_file = {"": tuple(rows.values())}

    def rows(self) -> Iterable[str]:
        """All rows, as lines."""
        for rows in self.by_file.values():
            yield from rows


def make_file(folder: Path, model: Model, random: Random) -> Made:
    """A file of some hundreds to some tens of thousands of rows."""
    count = random.choice((500, 5_000, 20_000, 60_000))
    if model.mode == "append":  # its table only grows
        count //= 8
    rows, wrong, lines = [], 0, [HEADER]
    days = random.sample(_DAYS, random.randint(1, 9)) if model.mode == "replacePartition" else _DAYS
    for number in range(count):
        key = random.randrange(_KEYS) if model.mode == "upsert" else number
        row = f"{key},2024-05-{days[number % len(days)]:02d}T10:00:{number % 60:02d}Z,name {random.randrange(1000)},"
        row += f"{random.randrange(100_000) / 100:.2f},{'' if number % 3 else f'note {number}'}\n"
        rows.append(row)
        lines.append(row)
        if number % _WRONG_EACH == 1:
            lines.append(f"{key},broken\n")
            wrong += 1
    path = folder / f"{random.getrandbits(64):x}.csv"
    path.write_text("".join(lines))
    return Made(random.choice(_NAMES), path, tuple(rows), wrong)


def _key(row: str) -> str:
    return row.partition(",")[0]


def _day(row: str) -> str:
    return row.split(",")[1][:10]
