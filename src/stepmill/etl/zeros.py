"""Zeros in front of numbers: the plan says that the values are numbers, but they may be codes, and then lose them."""

from dataclasses import dataclass

import polars as pl

from stepmill.etl.plan.compile import CompiledColumn, CompiledPlan
from stepmill.etl.plan.mappings.direct import Direct

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
    items = {f"t{index}": item for index, item in enumerate(compiled.columns) if _keeps_no_zeros(item)}
    if not items or values.is_empty():
        return {}
    # Cheap signs first: hardly any block has such values.
    signs = values.select(_may_be_padded(name).any().alias(name) for name in items).row(0, named=True)
    found = {}
    for name in (name for name, seen in signs.items() if seen):
        rows = values[name].str.contains(_PADDED).arg_true()
        if len(rows):
            first = rows[0]
            found[items[name].column.name] = LostZeros(len(rows), values[name][first], lines[first])
    return found


def _keeps_no_zeros(item: CompiledColumn) -> bool:
    return item.parser is not None and isinstance(item.column.mapping, Direct) and item.column.type.is_number


def _may_be_padded(name: str) -> pl.Expr:
    text = pl.col(name)
    return text.str.starts_with("0") & (text.str.len_bytes() > 1) & ~text.str.starts_with("0.")
