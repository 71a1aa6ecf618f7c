"""Blocks and plans for tests, without a file."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.parse import parse_plan
from stepmill.etl.readers.block import BlockStart, RawBlock, Reject
from stepmill.etl.typed import TypedBlock, apply_plan


def block_of(columns: dict[str, Sequence[str | None]], rejects: Sequence[Reject] = ()) -> RawBlock:
    """A block of these texts, its first row on line 2."""
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    lines = pl.int_range(2, 2 + frame.height, dtype=pl.UInt64, eager=True)
    after = BlockStart(0, 2 + frame.height, frame.height + len(rejects))
    return RawBlock(frame, lines, list(rejects), 0, BlockStart(0, 2, 0), after)


def plan_of(source: Sequence[str], *columns: dict[str, Any], **rest: Any) -> TransformPlan:
    """A plan for a CSV of these columns; each target column is named after its source unless it has a name."""
    full = [{"name": column.get("source", "c"), **column} for column in columns]
    return parse_plan({"source": {"format": "csv", "columns": list(source)}, "columns": full, **rest})


def typed(plan: TransformPlan, columns: dict[str, Sequence[str | None]]) -> TypedBlock:
    """The block of these texts, typed by the plan; nothing may get lost on the way."""
    block = block_of(columns)
    result = apply_plan(compile_plan(plan), block)
    assert result.records == block.records
    return result


def one_column(texts: Sequence[str | None], **column: Any) -> TypedBlock:
    """What becomes of the texts of a single column ``c``."""
    return typed(plan_of(["c"], {"source": "c", **column}), {"c": texts})


def values_of(texts: Sequence[str | None], **column: Any) -> list[Any]:
    """The typed values of a single column, in which every text must fit."""
    result = one_column(texts, **column)
    assert result.rejects == []
    return result.frame.to_series().to_list()


def refusal_of(text: str, **column: Any) -> tuple[str, str]:
    """Code and reason with which a single text is refused."""
    result = one_column([text], **column)
    assert result.frame.is_empty()
    (reject,) = result.rejects
    assert (reject.line, reject.column) == (2, "c")
    return reject.code, reject.reason
