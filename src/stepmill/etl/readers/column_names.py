"""What the columns of a CSV text are called: as its header says, but each otherwise than all others."""

from collections.abc import Sequence

from stepmill.errors import DataError
from stepmill.etl.plan.base import MAX_SOURCE_COLUMNS

_MAX_NAME = 1_000


def joined_header(rows: Sequence[Sequence[str]]) -> list[str]:
    """The names that one or several rows make: what stands above one another, joined by a space."""
    if len(rows) == 1:
        return list(rows[0])
    width = max(map(len, rows))
    columns = ([row[at].strip() for row in rows if at < len(row)] for at in range(width))
    return [" ".join(cell for cell in cells if cell) for cells in columns]


def column_names(header: Sequence[str] | None, width: int) -> tuple[str, ...]:
    """Unique names: those of the header, ``name_2`` for the second of a name, ``column_3`` for an empty one.

    Raises DataError ``too_many_columns``.
    """
    if width > MAX_SOURCE_COLUMNS:
        raise DataError(
            "too_many_columns",
            f"The file has {width:,} columns, of which {MAX_SOURCE_COLUMNS:,} can be read at most. Is it turned on its"
            " side?",
            details={"columns": width, "limit": MAX_SOURCE_COLUMNS},
        )
    given = [" ".join(cell.replace("\x00", "").split())[:_MAX_NAME] for cell in (header or [""] * width)]
    taken = {name for name in given if name}
    seen: set[str] = set()
    names = []
    for number, name in enumerate(given, 1):
        candidate = name or _free(f"column_{number}", taken)
        if candidate in seen:
            candidate = _free_numbered(candidate, taken | seen)
        seen.add(candidate)
        names.append(candidate)
    return tuple(names)


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else _free_numbered(name, taken)


def _free_numbered(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
