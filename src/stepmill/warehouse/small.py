"""Refuse a replace with suspiciously few rows: an empty export must not empty a table."""

from collections.abc import Sequence

from stepmill.errors import DataError
from stepmill.warehouse.ledger import LoadEntry, Mode


def refuse_small(
    mode: Mode, rows: int, replaces: Sequence[LoadEntry], least_share: float, file_name: str | None
) -> None:
    """Raise :class:`DataError` ``suspiciously_small`` for a replace with no rows, or far fewer than the last load's.

    ``replaces`` are the loads whose rows would go, oldest first; rows that a replay added don't count.
    """
    if mode not in ("replace", "replaceFile"):
        return
    loads = [load for load in replaces if load.replay_of is None]
    before = loads[-1].rows_loaded if loads else None
    what = "the table" if mode == "replace" else f"the rows of {file_name!r}"
    if rows == 0:
        why = f"It has no rows to replace {what} with." if before else "It has no rows."
    elif before is not None and rows < before * least_share:
        why = f"It would replace {what} with {rows} rows, under {least_share:.0%} of the last load's {before}."
    else:
        return
    raise DataError(
        "suspiciously_small",
        f"{why} The table is untouched. If this is right, run the job again with allowSmall.",
        details={"rowsLoaded": rows, "rowsBefore": before, "leastShare": least_share},
    )
