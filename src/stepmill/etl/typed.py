"""From a block of texts to a block of typed values: each record is loaded, rejected or filtered, none is lost.

A clean block costs one cast per value. Only columns in which something failed are looked at again, and of these only
the rows concerned.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import polars as pl

from stepmill.errors import DataError
from stepmill.etl.few_rows import select_few, with_few
from stepmill.etl.plan.compile import CompiledColumn, CompiledPlan
from stepmill.etl.readers.block import RawBlock, Reject
from stepmill.etl.refusals import Refusal, as_rejects, fail_load
from stepmill.etl.zeros import LostZeros, lost_zeros


@dataclass(frozen=True)
class TypedBlock:
    """The typed rows of a block, and what became of its other records.

    ``frame`` has the plan's columns, by their physical names, in the plan's order; ``lines`` is where each of its rows
    begins in the source, ``ordinals`` its place among all records, and so unique. ``rejects`` are the block's own and
    those of typing, by line. ``nulled`` counts, by column, values that did not fit and became null as the plan asks;
    ``lost_zeros`` says of which columns of numbers the values had zeros in front.
    """

    frame: pl.DataFrame
    lines: pl.Series
    ordinals: pl.Series
    rejects: list[Reject]
    filtered: int
    nulled: dict[str, int] = field(default_factory=dict)
    lost_zeros: dict[str, LostZeros] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many source records the block accounts for: as many as the block it was made of."""
        return self.frame.height + len(self.rejects) + self.filtered


def apply_plan(compiled: CompiledPlan, block: RawBlock, *, may_lack: Collection[str] = ()) -> TypedBlock:
    """Type a block.

    DataError ``missing_columns`` if a CSV block lacks a column that it may not lack, ``bad_value`` if the plan says so.
    """
    source = _with_all_columns(compiled, block.frame, may_lack)
    rows = pl.DataFrame({"line": block.lines, "ordinal": _ordinals(block)})
    if compiled.keep is not None:
        kept = source.select(compiled.keep.alias("keep")).to_series()
        source, rows = source.filter(kept), rows.filter(kept)
    filtered = block.frame.height - rows.height
    values = _values(compiled, source)
    refusals, nulled = _settle(compiled, source, values, rows["line"])
    if refusals:
        loaded = pl.Series(sorted(set(range(rows.height)) - refusals.keys()), dtype=pl.UInt32)
        rejects = as_rejects(compiled, source, rows["line"], refusals)
        values, rows = values[loaded], rows[loaded]
    else:
        rejects = []
    frame = pl.DataFrame([values[f"v{index}"].alias(item.column.name) for index, item in enumerate(compiled.columns)])
    everything = sorted([*block.rejects, *rejects], key=lambda reject: reject.line)
    zeros = lost_zeros(compiled, values, rows["line"])
    return TypedBlock(frame, rows["line"], rows["ordinal"], everything, filtered, nulled, zeros)


def _ordinals(block: RawBlock) -> pl.Series:
    first = block.start.record
    return pl.int_range(first, first + block.frame.height, dtype=pl.UInt64, eager=True)


def _with_all_columns(compiled: CompiledPlan, frame: pl.DataFrame, may_lack: Collection[str]) -> pl.DataFrame:
    """A field that no object of a JSON block has is missing in all; a CSV without a column is another file."""
    missing = compiled.missing_columns(frame.columns)
    if not missing:
        return frame
    if compiled.plan.source.has_fixed_columns and not set(missing) <= set(may_lack):
        names = ", ".join(missing[:10])
        raise DataError(
            "missing_columns",
            f"The file lacks columns that the plan needs: {names}. Load it into another area, or change the plan.",
            details={"columns": missing[:100]},
        )
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)


def _values(compiled: CompiledPlan, source: pl.DataFrame) -> pl.DataFrame:
    """Columns ``v…`` with the values, ``t…`` with the texts they were read from, ``e…`` with what mappings expected."""
    return with_few(select_few(source, compiled.texts), compiled.values)


def _settle(
    compiled: CompiledPlan, source: pl.DataFrame, values: pl.DataFrame, lines: pl.Series
) -> tuple[dict[int, Refusal], dict[str, int]]:
    """The first refusal of each row that has one. Values that only looked wrong are set in place in ``values``."""
    refusals: dict[int, Refusal] = {}
    nulled: dict[str, int] = {}
    for index in _suspicious(compiled, values):
        item = compiled.columns[index]
        found = _look_again(item, index, values)
        if found and item.column.on_failure == "failLoad":
            fail_load(item, min(found.items()), source, lines)
        if found and item.column.on_failure == "nullValue":
            nulled[item.column.name] = len(found)
            found = {}
        if item.required:
            empty = values[f"v{index}"].is_null().arg_true()
            found = {row: Refusal(index, "null", None) for row in empty} | found
        for row, refusal in found.items():
            refusals.setdefault(row, refusal)
    return refusals, nulled


def _suspicious(compiled: CompiledPlan, values: pl.DataFrame) -> list[int]:
    """The columns in which a value is missing that should be there, or may differ from its text."""
    if not compiled.doubts or values.is_empty():
        return []
    seen = select_few(values, compiled.doubts).row(0, named=True)
    return [int(name) for name, is_seen in seen.items() if is_seen]


def _look_again(item: CompiledColumn, index: int, values: pl.DataFrame) -> dict[int, Refusal]:
    """Read the doubtful texts of a column in every accepted spelling; what is refused all the same, by row."""
    refused: dict[int, Refusal] = {}
    value_name, text_name, expected_name = f"v{index}", f"t{index}", f"e{index}"
    outcome = value_name
    if item.parser is not None:
        outcome = text_name
        value, text = pl.col(value_name), pl.col(text_name)
        doubtful = item.parser.doubtful(text, value)
        doubt = text.is_not_null() & (value.is_null() if doubtful is None else (value.is_null() | doubtful))
        rows = values.select(doubt.arg_true()).to_series()
        if len(rows):
            texts = values[text_name].gather(rows)
            again = item.parser.full(texts)
            values.replace_column(values.get_column_index(value_name), values[value_name].scatter(rows, again))
            wrong = again.is_null()
            pairs = zip(rows.filter(wrong), texts.filter(wrong), strict=True)
            refused.update({row: Refusal(index, "parser", shown) for row, shown in pairs})
    if item.mapped.expects is not None:
        nothing = pl.col(expected_name).is_not_null() & pl.col(outcome).is_null()
        rows = values.select(nothing.arg_true()).to_series()
        pairs = zip(rows, values[expected_name].gather(rows), strict=True)
        refused.update({row: Refusal(index, "mapping", shown) for row, shown in pairs})
    return refused
