"""Previews, made in a compute child: how a file would be read, and what a plan would make of its first rows."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
import polars as pl

from stepmill.engine.context import Reporter
from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.parse import parse_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.plan.types import LogicalType
from stepmill.etl.profile import profile_source
from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.detect import Finding, detect_for_plan, detect_source
from stepmill.etl.readers.sample import read_sample
from stepmill.etl.typed import apply_plan
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.rules import make_plan

_PROFILED_RECORDS = 100_000


def preview_file(report: Reporter, location: BlobLocation, name: str, limit: int) -> dict[str, Any]:
    """How the rules read the file, its columns with the types they would get, and its first rows as they stand there.

    Types are told from the first 100,000 records here; a load looks at all of them.
    """
    detected = detect_source(location, name)
    profile = profile_source(location, detected.source, max_records=_PROFILED_RECORDS)
    warnings = list(detected.warnings)
    columns: list[dict[str, Any]] = [
        {"name": column, "logicalName": column, "type": "text", "nullable": True} for column in detected.source.columns
    ]
    if profile.rows:
        plan = make_plan(detected.source, profile)
        columns = _columns(plan)
        warnings += [Finding(note.code, note.message, note.column) for note in plan.notes]
    blocks = read_sample(location, detected.source, limit)
    return {
        **_how(detected.source),
        "columns": columns,
        "rows": list(islice((row for block in blocks for row in block.frame.iter_rows(named=True)), limit)),
        "rejects": _rejects([reject for block in blocks for reject in block.rejects], limit),
        "evidence": [finding.as_json() for finding in detected.evidence],
        "warnings": [finding.as_json() for finding in warnings],
    }


def preview_plan(
    report: Reporter, location: BlobLocation, name: str, plan_data: dict[str, Any], limit: int
) -> dict[str, Any]:
    """What the plan makes of the file's first records. Rows are JSON texts, so that numbers keep all their digits.

    Raises DataError where the file can't be read by the plan.
    """
    plan = parse_plan(plan_data)
    detected = detect_for_plan(location, name, plan.source, plan.source_columns)
    compiled = compile_plan(plan)
    typed = [apply_plan(compiled, block) for block in read_sample(location, detected.source, limit)]
    return {
        "columns": _columns(plan),
        "rows": [row for block in typed for row in _json_rows(plan, block.frame)][:limit],
        "rejects": _rejects([reject for block in typed for reject in block.rejects], limit),
        "rowsRead": sum(block.records for block in typed),
        "rowsFiltered": sum(block.filtered for block in typed),
        "warnings": [finding.as_json() for finding in detected.warnings],
    }


def _how(source: SourceFormat) -> dict[str, Any]:
    data = source.model_dump(mode="json", by_alias=True)
    names = ("format", "compression", "encoding", "delimiter", "quote", "escape", "comment")
    return {name: data[name] for name in (*names, "headerRows", "preambleRows", "recordsPath")} | {"sheet": None}


def _columns(plan: TransformPlan) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "logicalName": column.view_name,
            "source": column.source,
            "type": column.type.value,
            "mapping": column.mapping.kind,
            "nullable": column.nullable,
        }
        for column in plan.columns
    ]


def _rejects(rejects: list[Reject], limit: int) -> list[dict[str, Any]]:
    return [
        {"line": each.line, "column": each.column, "reason": each.reason, "code": each.code, "raw": each.raw}
        for each in rejects[:limit]
    ]


def _json_rows(plan: TransformPlan, frame: pl.DataFrame) -> Iterator[str]:
    kinds = {column.name: column.type for column in plan.columns}
    names = {column.name: column.view_name for column in plan.columns}
    for row in frame.iter_rows(named=True):
        values = {names[name]: _json_value(kinds[name], value) for name, value in row.items()}
        yield orjson.dumps(values, default=str, option=orjson.OPT_UTC_Z).decode()


def _json_value(kind: LogicalType, value: Any) -> Any:
    """A typed value as the table's own rows would show it."""
    if value is None:
        return None
    if kind is LogicalType.NUMERIC:
        return orjson.Fragment(format(value, "f"))
    if kind is LogicalType.UUID:
        text = bytes(value).hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    if kind is LogicalType.JSON:
        return orjson.Fragment(value)
    if kind is LogicalType.DOUBLE and not math.isfinite(value):
        return str(value)
    return value
