"""Tables that would be wider than PostgreSQL can store: what does not fit goes into one column of JSON.

A table has at most 1,600 columns, and a row has to fit on a page, where a long text takes 18 bytes: see
``storage-page-layout`` and ``limits`` in PostgreSQL's documentation, and ``heap_toast_insert_or_update`` in its source
for what is moved off the page.
"""

from collections.abc import Callable, Iterable, Mapping

import polars as pl

from stepmill.etl.plan.model import PlanColumn, TransformPlan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.plan.types import LogicalType, TargetType
from stepmill.etl.profile import SourceProfile
from stepmill.etl.readers.block import RawBlock
from stepmill.planning.rules import make_plan

_ROW_BYTES = 8_160
_HIDDEN_BYTES = 8
"""Of the number of the load."""

_POINTER = 18
_LONGEST_IN_PLACE = 24  # what is longer may be moved off the page
_SURELY_FITS = 320
_FIXED = {  # bytes, and what they have to be aligned to
    LogicalType.BOOLEAN: (1, 1),
    LogicalType.INTEGER: (8, 8),
    LogicalType.DOUBLE: (8, 8),
    LogicalType.DATE: (4, 4),
    LogicalType.TIME: (8, 8),
    LogicalType.TIMESTAMP: (8, 8),
    LogicalType.TIMESTAMPTZ: (8, 8),
    LogicalType.UUID: (16, 1),
}


def plan_that_fits(
    source: SourceFormat,
    profile: SourceProfile,
    declared: Mapping[str, TargetType],
    read: Callable[[], Iterable[RawBlock]],
) -> TransformPlan:
    """The plan by rules of which every row that ``read`` gives fits on a page. Narrow tables need no look at the rows.

    Raises DataError as ``make_plan`` does.
    """
    plan = make_plan(source, profile, declared)
    if len(plan.columns) <= _SURELY_FITS:
        return plan
    fit = columns_that_fit(plan, read())
    return plan if fit == len(plan.columns) else make_plan(source, profile, declared, most=fit + 1)


def columns_that_fit(plan: TransformPlan, blocks: Iterable[RawBlock]) -> int:
    """How many of the first columns fit on a page in all rows together; beside one more if these are not all."""
    ends = [0] * len(plan.columns)
    for block in blocks:
        ends = [*map(max, ends, _ends(plan.columns, block.frame))]
    if ends[-1] <= _room(len(ends)):
        return len(ends)
    return max(1, sum(end <= _room(number + 1) - _POINTER for number, end in enumerate(ends, 1)))


def _room(columns: int) -> int:
    """What a row of so many columns has for values: without its header, the bits for nulls and the hidden columns."""
    header = 23 + (columns + 1 + 7) // 8
    return _ROW_BYTES - (header + 7) // 8 * 8 - _HIDDEN_BYTES


def _ends(columns: tuple[PlanColumn, ...], frame: pl.DataFrame) -> list[int]:
    """Where the longest row ends behind each of the columns."""
    if not frame.height:
        return [0] * len(columns)
    end = pl.Series([0], dtype=pl.UInt32).new_from_index(0, frame.height)
    ends = []
    for column in columns:
        if column.source is None:
            end = end + _POINTER
        elif column.source in frame.columns:
            end = _end_behind(end, column, frame[column.source])
        ends.append(int(end.to_frame("end").select(pl.col("end").max()).item()))
    return ends


def _end_behind(end: pl.Series, column: PlanColumn, text: pl.Series) -> pl.Series:
    """Where a row ends when this value is there, too; nulls take no room."""
    size, alignment = _FIXED.get(column.type, (0, 1))
    name = text.name
    data = text.to_frame().with_columns(end.alias(f"{name}#end"))
    before, value = pl.col(f"{name}#end"), pl.col(name)
    begin = (before + (alignment - 1)) // alignment * alignment
    length = pl.lit(size) if size else _length(column, value)
    is_there = value.is_not_null() & (value != "")
    return data.select(pl.when(is_there).then(begin + length).otherwise(before).cast(pl.UInt32)).to_series()


def _length(column: PlanColumn, value: pl.Expr) -> pl.Expr:
    in_place = value.str.len_bytes() + 1
    if column.type is LogicalType.NUMERIC:
        in_place = in_place // 2 + 6  # two bytes for four digits, some of which may be alone, and what is before them
    elif column.type is LogicalType.JSON:
        in_place = 2 * in_place + 8  # each value in it has a header
    return pl.when(in_place > _LONGEST_IN_PLACE).then(_POINTER).otherwise(in_place)
