"""Previews, made in a compute child: how a file would be read, and what a plan would make of its first rows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import polars as pl

from stepmill.engine.context import Reporter
from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.parse import parse_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import RawBlock, Reject
from stepmill.etl.readers.decoded import decoding_for_now
from stepmill.etl.readers.detect import Detected, Finding, detect_for_plan, detect_source
from stepmill.etl.readers.first_lines import first_lines
from stepmill.etl.readers.mended import MendedCount
from stepmill.etl.readers.sample import read_sample
from stepmill.etl.rejected import rejected_block
from stepmill.etl.typed import TypedBlock, apply_plan
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.column_stats import NOTHING_HELD, column_stats
from stepmill.planning.preview_sample import take_sample
from stepmill.planning.preview_values import json_text, json_value
from stepmill.planning.reject_cells import CellSplitter
from stepmill.planning.wide import plan_that_fits


def preview_file(report: Reporter, location: BlobLocation, name: str, limit: int) -> dict[str, Any]:
    """How the rules read the file, its columns with what they hold, its first lines and rows as they stand there.

    Columns are JSON texts, so that numbers keep all their digits. Types are told from the first 100,000 records here,
    or fewer of a file with large ones; a load looks at all of them.
    """
    with decoding_for_now() as decoding:
        return preview_detected(detect_source(location, name, decoding), limit)


def preview_detected(detected: Detected, limit: int) -> dict[str, Any]:
    """The same of a file of which it is known how it is read."""
    sample = take_sample(detected.text, detected.source)
    warnings = list(detected.warnings)
    if sample.profile.rows:
        plan = plan_that_fits(detected.source, sample.profile, detected.declared, lambda: sample.blocks)
        columns = [told | held for told, held in zip(_columns(plan), column_stats(plan, sample.blocks), strict=True)]
        warnings += [Finding(note.code, note.message, note.column) for note in plan.notes]
    else:
        columns = [_unknown(column) for column in detected.source.columns]
    warnings += _mended(sample.blocks)
    rejects = [reject for block in sample.blocks for reject in block.rejects]
    return {
        **_how(detected.source),
        "columns": [json_text(column) for column in columns],
        "lines": [line.as_json() for line in first_lines(detected.text, detected.source, limit)],
        "rows": list(islice((row for block in sample.blocks for row in block.frame.iter_rows(named=True)), limit)),
        "rowsProfiled": sample.profile.rows,
        "rejects": _rejects(rejects[:limit], CellSplitter(detected.source)),
        "evidence": [finding.as_json() for finding in detected.evidence],
        "warnings": [finding.as_json() for finding in warnings],
    }


def preview_plan(
    report: Reporter,
    location: BlobLocation,
    name: str,
    plan_data: dict[str, Any],
    limit: int,
    rejected: Sequence[dict[str, Any]] = (),
    lackable: Sequence[str] = (),
) -> dict[str, Any]:
    """What the plan makes of the file's first records. Rows are JSON texts, so that numbers keep all their digits.

    ``rejected`` are rejects of a load, as ``rejected_block`` takes them: what the plan makes of these is told apart.
    The file may lack the source columns ``lackable``. Raises DataError where the file can't be read by the plan.
    """
    plan = parse_plan(plan_data)
    with decoding_for_now() as decoding:
        detected = detect_for_plan(location, name, decoding, plan.source, plan.source_columns, lackable)
        blocks = read_sample(detected.text, detected.source, limit)
    compiled = compile_plan(plan)
    typed = [apply_plan(compiled, block, may_lack=lackable) for block in blocks]
    splitter = CellSplitter.of_plan(plan, detected.source)
    again = [apply_plan(compiled, rejected_block(rejected, plan.source_columns))] if rejected else []
    return {
        "columns": _columns(plan),
        "rows": [row for block in typed for row in _json_rows(plan, block.frame)][:limit],
        **_outcome(typed, splitter, limit),
        "ofLoad": _outcome(again, splitter, limit) if rejected else None,
        "warnings": [finding.as_json() for finding in (*detected.warnings, *_mended(blocks), *_changed_values(typed))],
    }


def _outcome(typed: Sequence[TypedBlock], splitter: CellSplitter, limit: int) -> dict[str, Any]:
    rejects = sorted((reject for block in typed for reject in block.rejects), key=lambda reject: reject.line or 0)
    return {
        "rejects": _rejects(rejects[:limit], splitter),
        "rowsRead": sum(block.records for block in typed),
        "rowsRejected": len(rejects),
        "rowsFiltered": sum(block.filtered for block in typed),
    }


def _how(source: SourceFormat) -> dict[str, Any]:
    data = source.model_dump(mode="json", by_alias=True)
    names = ("format", "compression", "archive", "member", "sheet", "encoding", "delimiter", "quote", "escape")
    return {name: data[name] for name in (*names, "comment", "headerRows", "preambleRows", "recordsPath")}


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


def _unknown(name: str) -> dict[str, Any]:
    """A column of a file without rows."""
    return {"name": name, "logicalName": name, "source": name, "type": "text", "nullable": True, **NOTHING_HELD}


def _mended(blocks: Sequence[RawBlock]) -> list[Finding]:
    count = MendedCount()
    for block in blocks:
        count.add(block.mended)
    return [Finding("rows_mended", told.message) for told in count]


def _changed_values(typed: Sequence[TypedBlock]) -> Iterator[Finding]:
    """Warnings on what a load would bring in otherwise than it stands in the file."""
    nulled: Counter[str] = Counter()
    for block in typed:
        nulled.update(block.nulled)
    for column, count in nulled.items():
        values = "1 value does not fit and is null" if count == 1 else f"{count:,} values do not fit and are null"
        yield Finding("values_nulled", f"{values}, as the plan asks.", column)
    seen = set()
    for column, lost in ((column, lost) for block in typed for column, lost in block.lost_zeros.items()):
        if column not in seen:
            seen.add(column)
            message = f"Values lose their zeros in front, such as {lost.text!r} in line {lost.line:,}. Are they codes?"
            yield Finding("lost_zeros", f"{message} Then make the column text.", column)


def _rejects(rejects: Sequence[Reject], splitter: CellSplitter) -> list[dict[str, Any]]:
    return [
        {
            "line": each.line,
            "column": each.column,
            "reason": each.reason,
            "code": each.code,
            "raw": each.raw,
            "cells": splitter.cells(each.record, each.column, each.code),
        }
        for each in rejects
    ]


def _json_rows(plan: TransformPlan, frame: pl.DataFrame) -> Iterator[str]:
    kinds = {column.name: column.type for column in plan.columns}
    names = {column.name: column.view_name for column in plan.columns}
    for row in frame.iter_rows(named=True):
        yield json_text({names[name]: json_value(kinds[name], value) for name, value in row.items()})
