"""Records that are no rows as they stand: mended and put back among the rows, or rejected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from stepmill.etl.readers.block import MendedRow, Reject
from stepmill.etl.readers.limits import RAW_CHARACTERS
from stepmill.etl.readers.mend import Candidate

QUOTE_FAULTS = ("stray_quote", "unclosed_quote")


@dataclass(frozen=True)
class Misfit:
    """A record on ``line``, counted from 0 in its window. ``row`` is what it was meant to be, where that is plain."""

    line: int
    text: str
    row: Candidate | None
    reject: Callable[[int], Reject]
    """Makes the reject, given the line that the window begins on."""


def with_mended(frame: pl.DataFrame, lines: pl.Series, misfits: Sequence[Misfit]) -> tuple[pl.DataFrame, pl.Series]:
    """The rows with those that were mended in their places, and the lines of all."""
    mended = [(misfit.line, misfit.row.cells) for misfit in misfits if misfit.row is not None]
    if not mended:
        return frame, lines
    added = pl.DataFrame([cells for _, cells in mended], schema=frame.schema, orient="row")
    all_lines = pl.concat([lines, pl.Series([line for line, _ in mended], dtype=lines.dtype)])
    order = all_lines.arg_sort()
    return pl.concat([frame, added])[order], all_lines.gather(order)


def mended_rows(misfits: Sequence[Misfit], first_line: int) -> tuple[MendedRow, ...]:
    """What is to be told of the mended ones."""
    return tuple(
        MendedRow(first_line + misfit.line, misfit.row.way, misfit.text[:RAW_CHARACTERS])
        for misfit in misfits
        if misfit.row is not None
    )
