"""Makes a CSV of any size: 13 columns as an event table of a web shop has them, about 144 bytes a row.

``python -m bench.make_csv PATH ROWS``. The same number of rows gives the same bytes everywhere.
"""

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import IO
from uuid import UUID

COLUMNS = (
    "id",
    "occurred_at",
    "customer_id",
    "country",
    "status",
    "postal_code",
    "amount",
    "temperature",
    "latitude",
    "is_test",
    "ordered_on",
    "session",
    "comment",
)
"""Integer, timestamp with zone, integer, text, text, text with leading zeros, numeric, double, double, boolean, date,
UUID and text of which a part is missing."""

_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(2024, 1, 1)
_COUNTRIES = ("DE", "FR", "IT", "ES", "PL", "NL", "AT", "CH", "SE", "DK")
_STATUSES = ("new", "paid", "shipped", "delivered", "returned")
_WORDS = ("slow", "blue", "parcel", "gift", "again", "door", "call", "Müller", "urgent", "street", "late", "fine")
_ROWS_AT_ONCE = 10_000


def write_csv(path: Path, rows: int, *, begin: int = 0) -> None:
    """Write the file, a piece at a time. ``begin`` rows come before its first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        write_rows(file, rows, begin=begin)


def write_rows(file: IO[str], rows: int, *, begin: int = 0) -> None:
    """Write header and rows."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for first in range(begin, begin + rows, _ROWS_AT_ONCE):
        writer.writerows(_rows(first, min(first + _ROWS_AT_ONCE, begin + rows)))


def _rows(first: int, end: int) -> Iterator[tuple[object, ...]]:
    random = Random(first)
    for number in range(first, end):
        moment = _BEGIN + timedelta(milliseconds=number * 733)
        yield (
            number + 1,
            moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{number * 733 % 1000:03d}Z",
            random.randrange(100_000, 2_000_000),
            random.choice(_COUNTRIES),
            random.choice(_STATUSES),
            f"{random.randrange(1_000, 99_999):05d}",
            f"{random.randrange(99, 500_000) / 100:.2f}",
            round(random.gauss(12, 8), random.randrange(1, 4)),
            round(random.uniform(36, 60), 6),
            "true" if random.random() < 0.02 else "false",
            _FIRST_DAY + timedelta(days=number % 700),
            UUID(int=random.getrandbits(128), version=4),
            " ".join(random.choices(_WORDS, k=3)) if random.random() < 0.6 else None,
        )


if __name__ == "__main__":
    write_csv(Path(sys.argv[1]), int(sys.argv[2]))
