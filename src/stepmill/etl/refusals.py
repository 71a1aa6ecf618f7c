"""What is said about a value that was refused."""

from dataclasses import dataclass
from typing import Literal, NoReturn

import orjson
import polars as pl

from stepmill.errors import DataError
from stepmill.etl.plan.compile import CompiledColumn, CompiledPlan
from stepmill.etl.readers.block import Reject
from stepmill.etl.values.parser import Problem

_MAX_RAW = 1_000


@dataclass(frozen=True)
class Refusal:
    """Which column refused a row, at which stage, and the text that this stage had before it."""

    column: int
    stage: Literal["mapping", "parser", "null"]
    text: str | None


def as_rejects(
    compiled: CompiledPlan, source: pl.DataFrame, lines: pl.Series, refusals: dict[int, Refusal]
) -> list[Reject]:
    """A reject for each refused row, with the row's source fields for a replay."""
    rows = sorted(refusals)
    records = source[pl.Series(rows, dtype=pl.UInt32)].iter_rows(named=True)
    return [_as_reject(compiled, refusals[row], lines[row], record) for row, record in zip(rows, records, strict=True)]


def fail_load(item: CompiledColumn, first: tuple[int, Refusal], source: pl.DataFrame, lines: pl.Series) -> NoReturn:
    """End the load, as the plan asks for values of this column that do not fit."""
    row, refusal = first
    problem = _problem(item, refusal)
    line = lines[row]
    details = {
        "line": line,
        "column": item.column.name,
        "code": problem.code,
        "raw": _raw(item, refusal, source.row(row, named=True)),
    }
    reason = problem.reason.replace("\x00", "␀")
    raise DataError("bad_value", f"Line {line}, column {item.column.name}: {reason}", details=details)


def _as_reject(compiled: CompiledPlan, refusal: Refusal, line: int, record: dict[str, str | None]) -> Reject:
    item = compiled.columns[refusal.column]
    problem = _problem(item, refusal)
    return Reject(
        line=line,
        column=item.column.name,
        code=problem.code,
        reason=problem.reason.replace("\x00", "␀"),
        raw=_raw(item, refusal, record),
        record=orjson.dumps(record).decode(),
    )


def _problem(item: CompiledColumn, refusal: Refusal) -> Problem:
    if refusal.stage == "null" or refusal.text is None:
        key = "a key column" if item.column.nullable else "a column that must have values"
        return Problem("null_not_allowed", f"There is no value for {item.column.name}, {key}.")
    if refusal.stage == "parser" and item.parser is not None:
        return item.parser.explain(refusal.text)
    if item.mapped.explain is not None:
        return item.mapped.explain(refusal.text)
    return Problem("no_value", f"The plan's mapping gives no value for {item.column.name}.")


def _raw(item: CompiledColumn, refusal: Refusal, record: dict[str, str | None]) -> str | None:
    """The text in the source; where there are several columns, what the mapping made of them."""
    raw = record.get(item.column.source) if item.column.source is not None else refusal.text
    return None if raw is None else raw[:_MAX_RAW].replace("\x00", "␀")
