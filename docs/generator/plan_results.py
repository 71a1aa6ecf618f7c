"""What a plan makes of records: computed by the code that loads files, and shown as tables."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from docs.generator.plan_examples import Example

from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.parse import parse_plan
from stepmill.etl.plan.types import LogicalType
from stepmill.etl.readers.block import BlockStart, RawBlock
from stepmill.etl.typed import TypedBlock, apply_plan

_FIRST_LINE = 2
_NOTHING = "*null*"


def type_records(plan: TransformPlan, records: Sequence[dict[str, str | None]]) -> TypedBlock:
    """The records typed by the plan; the first stands on line 2, after a header."""
    names = list(dict.fromkeys((*plan.source_columns, *records[0])))
    frame = pl.DataFrame([[record[name] for name in names] for record in records], names, orient="row")
    lines = pl.Series(range(_FIRST_LINE, _FIRST_LINE + len(records)), dtype=pl.UInt64)
    start = BlockStart(offset=0, line=_FIRST_LINE, record=0)
    after = BlockStart(offset=0, line=_FIRST_LINE + len(records), record=len(records))
    block = RawBlock(frame.cast(pl.String), lines, [], bytes_read=0, start=start, next=after)
    return apply_plan(compile_plan(plan), block)


def example_table(example: Example) -> str:
    """A row for each record: its texts, and the value or why the row is rejected."""
    names = list(example.records[0])
    column = {"name": "value", **example.column}
    plan = parse_plan({"source": {"format": "csv", "headerRows": 1, "columns": names}, "columns": [column]})
    typed = type_records(plan, example.records)
    outcomes = dict(zip(typed.lines, (shown(plan, "value", value) for value in typed.frame["value"]), strict=True))
    outcomes |= {reject.line: f"rejected: {reject.reason}" for reject in typed.rejects}
    rows = [f"| {' | '.join(f'`{name}`' for name in names)} | becomes |", f"| {'--- | ' * len(names)}--- |"]
    for line, record in enumerate(example.records, _FIRST_LINE):
        texts = " | ".join(_text(record[name]) for name in names)
        rows.append(f"| {texts} | {outcomes[line]} |")
    return "\n".join(rows)


def shown(plan: TransformPlan, name: str, value: Any) -> str:
    """A typed value as PostgreSQL would show it."""
    if value is None:
        return _NOTHING
    kind = plan.column(name).type
    if kind is LogicalType.TIMESTAMPTZ:
        return f"`{value:%Y-%m-%d %H:%M:%S}+00`"
    return f"`{str(value).lower() if kind is LogicalType.BOOLEAN else value}`"


def _text(value: str | None) -> str:
    return f"`{value}`" if value else "*empty*"
