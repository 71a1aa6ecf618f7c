"""Rows with a value in a column that the plan does not know, rejected where the area asks for that."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import orjson
import polars as pl

from stepmill.etl.readers.block import RawBlock, Reject

_MAX_RAW = 1_000


def refuse_unknown(block: RawBlock, known: Collection[str]) -> RawBlock:
    """The block without the rows that have a value in a column beside the known ones; they are rejects of it."""
    there = [name for name in block.frame.columns if name not in known] if known else []
    if not there or block.frame.is_empty():
        return block
    is_refused = pl.any_horizontal((pl.col(name) != "").fill_null(value=False) for name in there)
    marks = block.frame.select(is_refused.alias("refused")).to_series()
    if not marks.any():
        return block
    lines = block.lines.filter(marks)
    records = block.frame.filter(marks).iter_rows(named=True)
    rejects = [_reject(line, record, there) for line, record in zip(lines, records, strict=True)]
    everything = sorted([*block.rejects, *rejects], key=lambda reject: reject.line)
    return replace(block, frame=block.frame.filter(~marks), lines=block.lines.filter(~marks), rejects=everything)


def _reject(line: int, record: dict[str, str | None], unknown: Sequence[str]) -> Reject:
    name = next(name for name in unknown if record[name])
    return Reject(
        line=line,
        column=name,
        code="unknown_column",
        reason=f"The plan does not know the column {name!r}, in which the row has a value."[:_MAX_RAW],
        raw=(record[name] or "")[:_MAX_RAW].replace("\x00", "␀"),
        record=orjson.dumps(record).decode(),
    )
