"""Clean tables to pollute: of the kinds that people keep, each with a header and typed texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

_FIRST = ("Anna", "Björn", "Chloé", "David", "Emre", "Fatima", "Gustav", "Hélène", "Igor", "José", "Lin", "Zoë")
_LAST = ("Müller", "Smith", "O'Neil", "García", "Dubois", "Rossi", "Nowak", "Jensen", "Kim", "Van der Berg")
_CITIES = ("Zürich", "São Paulo", "London", "Paris", "Köln", "Kraków", "Malmö", "New York", "Osaka", "Lima")
_THINGS = ("bolt", "nut, hex", "washer", "hinge", 'pipe 3/4"', "valve", "pump", "cable (2 m)", "lamp", "fuse")
_WORDS = ("late", "paid in part", "see letter", "call back", "new address", "none", "urgent", "checked by J. K.")


@dataclass(frozen=True)
class Table:
    """Names and rows, as texts."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _name(random: Random, _: int) -> str:
    return f"{random.choice(_FIRST)} {random.choice(_LAST)}"


def _date(random: Random, _: int) -> str:
    return f"{random.randint(1995, 2025)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"


def _german_date(random: Random, _: int) -> str:
    return f"{random.randint(1, 28):02d}.{random.randint(1, 12):02d}.{random.randint(1995, 2025)}"


def _time(random: Random, row: int) -> str:
    return f"{_date(random, row)} {random.randint(0, 23):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}"


Maker = Callable[[Random, int], str]

COLUMNS: dict[str, Maker] = {
    "id": lambda random, row: str(1000 + row),
    "Order No": lambda random, row: f"A-{20000 + row * 7}",
    "customer": _name,
    "city": lambda random, row: random.choice(_CITIES),
    "item": lambda random, row: random.choice(_THINGS),
    "quantity": lambda random, row: str(random.randint(1, 500)),
    "price": lambda random, row: f"{random.uniform(0.5, 900):.2f}",
    "share": lambda random, row: f"{random.uniform(-1, 1):.4f}",
    "ordered": _date,
    "delivered on": lambda random, row: _date(random, row) if random.random() < 0.7 else "",
    "Datum": _german_date,
    "at": _time,
    "ok": lambda random, row: random.choice(("true", "false")),
    "e-mail": lambda random, row: f"{random.choice(_FIRST).lower()}{row}@example.org".encode(
        "ascii", "ignore"
    ).decode(),
    "zip": lambda random, row: f"{random.randint(0, 99999):05d}",
    "remark": lambda random, row: random.choice(_WORDS) if random.random() < 0.6 else "",
    "temperature": lambda random, row: f"{random.uniform(-20, 40):.1f}",
}
_SIZES = (4, 8, 20, 60, 200)


def make_table(random: Random, *, columns: Sequence[str] | None = None, rows: int | None = None) -> Table:
    """A table of 3 to 9 columns and 4 to 200 rows, of which not all columns are text."""
    names = list(columns or random.sample(list(COLUMNS), random.randint(3, 9)))
    if columns is None and not {"id", "quantity", "price", "share", "zip", "temperature"} & {*names}:
        names[0] = "id"
    count = rows or random.choice(_SIZES)
    return Table(tuple(names), tuple(tuple(COLUMNS[name](random, row) for name in names) for row in range(count)))
