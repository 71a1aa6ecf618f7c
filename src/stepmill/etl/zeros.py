"""Zeros in front of numbers: the plan says that the values are numbers, but they may be codes, and then lose them."""

from dataclasses import dataclass

import polars as pl

from stepmill.etl.few_rows import select_few
from stepmill.etl.plan.compile import CompiledPlan

_PADDED = r"^0[0-9]"


@dataclass(frozen=True)
class LostZeros:
    """How many values of a column lost zeros in front, and the first of them: its text, and where it stands."""

    count: int
    text: str
    line: int

    def __add__(self, later: "LostZeros") -> "LostZeros":
        return LostZeros(self.count + later.count, self.text, self.line)


def lost_zeros(compiled: CompiledPlan, values: pl.DataFrame, lines: pl.Series) -> dict[str, LostZeros]:
    """By column. ``values`` has the texts that were read as columns ``t…``."""
    if not compiled.padded or values.is_empty():
        return {}
    signs = select_few(values, compiled.padded).row(0, named=True)
    found = {}
    for index in (index for index, is_seen in signs.items() if is_seen):
        texts = values[f"t{index}"]
        rows = texts.str.contains(_PADDED).arg_true()
        if len(rows):
            first = rows[0]
            found[compiled.columns[int(index)].column.name] = LostZeros(len(rows), texts[first], lines[first])
    return found
