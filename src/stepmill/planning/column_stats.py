"""What the columns of a preview hold: counts, ends, examples, a histogram or the commonest values."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from stepmill.etl.plan.compile import CompiledPlan, compile_plan
from stepmill.etl.plan.model import PlanColumn, TransformPlan
from stepmill.etl.plan.types import LogicalType
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.typed import TypedBlock, apply_plan
from stepmill.planning.preview_values import json_value
from stepmill.warehouse.histogram import as_buckets, lower_bounds

_EXAMPLES = 5
_COMMONEST = 8
_SHOWN_CHARACTERS = 200
NOTHING_HELD: dict[str, Any] = {
    "nulls": 0,
    "distinct": 0,
    "min": None,
    "max": None,
    "misfits": 0,
    "examples": [],
    "commonest": [],
}
"""What is said of a column of text in a file without rows."""

_WITHOUT_ENDS = (LogicalType.BOOLEAN, LogicalType.UUID, LogicalType.JSON)


def column_stats(plan: TransformPlan, blocks: Sequence[RawBlock]) -> list[dict[str, Any]]:
    """For each column of the plan ``{nulls, misfits, distinct, min, max, examples}``, of all rows of some blocks.

    ``misfits`` are values that are no nulls and not of the type. ``examples`` are texts as they stand in the source.
    Numbers, dates and times have a ``histogram`` ``[{from, to, count}]``, others their ``commonest``
    ``[{value, count}]``.
    """
    compiled = compile_plan(_lenient(plan))
    examples: list[list[str]] = [[] for _ in plan.columns]
    typed: list[TypedBlock] = []
    for block in blocks:
        typed.append(apply_plan(compiled, block))
        _add_examples(examples, compiled, block, typed[-1])
    return [_stats(column, typed) | {"examples": found} for column, found in zip(plan.columns, examples, strict=True)]


def _lenient(plan: TransformPlan) -> TransformPlan:
    """The plan by which each record is a row: a value that does not fit is counted, and costs no row."""
    columns = tuple(column.model_copy(update={"nullable": True, "on_failure": "nullValue"}) for column in plan.columns)
    return plan.model_copy(update={"columns": columns, "key_columns": (), "filters": ()})


def _add_examples(examples: Sequence[list[str]], compiled: CompiledPlan, block: RawBlock, typed: TypedBlock) -> None:
    for found, item in zip(examples, compiled.columns, strict=True):
        source = item.column.source
        if source is None or source not in block.frame.columns or len(found) >= _EXAMPLES:
            continue
        texts = block.frame[source].filter(typed.frame[item.column.name].is_not_null())
        shown = texts.str.slice(0, _SHOWN_CHARACTERS).unique(maintain_order=True)
        found.extend(shown.filter(~shown.is_in(found)).head(_EXAMPLES - len(found)))


def _stats(column: PlanColumn, typed: Sequence[TypedBlock]) -> dict[str, Any]:
    kind = column.type
    series = pl.concat([block.frame[column.name] for block in typed])
    values = series.drop_nulls()
    misfits = sum(block.nulled.get(column.name, 0) for block in typed)
    stats: dict[str, Any] = {"nulls": len(series) - len(values) - misfits, "misfits": misfits}
    stats |= {"distinct": values.n_unique(), "min": None, "max": None}
    if len(values) and kind is LogicalType.TEXT:
        stats |= {"min": str(values.min())[:_SHOWN_CHARACTERS], "max": str(values.max())[:_SHOWN_CHARACTERS]}
    elif len(values) and kind not in _WITHOUT_ENDS:
        stats |= {"min": json_value(kind, values.min()), "max": json_value(kind, values.max())}
    if kind is LogicalType.TEXT or kind in _WITHOUT_ENDS:
        return stats | {"commonest": _commonest(kind, values)}
    return stats | {"histogram": _histogram(kind, values)}


def _commonest(kind: LogicalType, values: pl.Series) -> list[dict[str, Any]]:
    counts = values.alias("value").value_counts(name="count")
    most = counts.sort("count", "value", descending=[True, False]).head(_COMMONEST)
    return [{"value": _as_text(kind, value), "count": count} for value, count in most.iter_rows()]


def _as_text(kind: LogicalType, value: Any) -> str:
    if kind is LogicalType.BOOLEAN:
        return "true" if value else "false"
    return str(json_value(kind, value) if kind is LogicalType.UUID else value)[:_SHOWN_CHARACTERS]


def _histogram(kind: LogicalType, values: pl.Series) -> list[dict[str, Any]]:
    if kind is LogicalType.DOUBLE:
        values = values.filter(values.is_finite())
    if values.is_empty():
        return []
    low, high = values.min(), values.max()
    bounds = lower_bounds(low, high)
    places = _sortable(pl.Series(bounds, dtype=_of_bounds(values.dtype))).search_sorted(_sortable(values), side="right")
    counts = (places.cast(pl.Int64) - 1).clip(0).alias("place").value_counts(name="count")
    return [
        {"from": json_value(kind, bucket["from"]), "to": json_value(kind, bucket["to"]), "count": bucket["count"]}
        for bucket in as_buckets(bounds, high, dict(counts.iter_rows()))
    ]


def _of_bounds(dtype: pl.DataType) -> pl.DataType:
    """A bound of decimals has more digits than they."""
    return pl.Float64() if isinstance(dtype, pl.Decimal) else dtype


def _sortable(values: pl.Series) -> pl.Series:
    return values.cast(pl.Float64) if isinstance(values.dtype, pl.Decimal) else values.to_physical()
