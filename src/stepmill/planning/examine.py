"""What a compute child does to learn how a file is read and, where there is no plan yet, to make one from its data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stepmill.engine.context import Reporter
from stepmill.errors import DataError
from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.parse import dump_plan, stored_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.profile import SourceProfile, profile_source
from stepmill.etl.readers.decoded import Decoding
from stepmill.etl.readers.detect import Detected, detect_for_plan, detect_source
from stepmill.etl.readers.read import read_blocks
from stepmill.etl.typed import apply_plan
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.drift import (
    Change,
    lacking,
    may_lack,
    new_columns,
    refuse_new,
    refuse_renamed,
    widened,
    with_new_columns,
)
from stepmill.planning.rules import make_plan
from stepmill.planning.wide import plan_that_fits
from stepmill.store.areas import LoadMode, SchemaChange

_NEARLY_ALL = 0.95


def examine_file(report: Reporter, location: BlobLocation, name: str, text: BlobLocation) -> dict[str, Any]:
    """How the file is read, and the plan that the rules make from all of its values.

    Answers ``{source, isDecoded, storedBytes, warnings, plan, records}``; what had to be decoded is then in ``text``.
    Raises DataError ``no_rows`` for a file that has none, because
    nothing could be learnt from it.
    """
    report.progress(0, None, "bytes", "Looking at the whole file")
    detected = detect_source(location, name, _decoding(report, text))

    def on_progress(_records: int, stored_bytes: int) -> None:
        report.progress(stored_bytes, detected.stored_bytes, "bytes", "Looking at every value")

    profile = profile_source(detected.text, detected.source, on_progress=on_progress)
    if profile.rows == 0:
        raise _no_rows(detected, profile.rejects)
    source = detected.source
    if not source.has_fixed_columns:  # so that the plan knows which fields there were, also those that it leaves out
        source = source.model_copy(update={"columns": tuple(column.name for column in profile.columns)})
    plan = plan_that_fits(source, profile, detected.declared, lambda: read_blocks(detected.text, detected.source))
    return {**_reading(detected, text), "plan": dump_plan(plan), "records": profile.rows + profile.rejects}


def examine_for_plan(
    report: Reporter,
    location: BlobLocation,
    name: str,
    text: BlobLocation,
    planned: dict[str, Any],
    mode: LoadMode,
    change: SchemaChange,
    key_columns: Sequence[str],
) -> dict[str, Any]:
    """How the file is read so that a plan fits it, and what ``change`` makes of columns that the plan does not know.

    Answers ``{source, isDecoded, storedBytes, warnings, missing, refused}``; what had to be decoded is then in
    ``text``. ``missing`` columns are to be left empty; rows with a value in a ``refused`` one are to be rejected. Where
    the plan
    has to be another, ``plan`` is that, and ``changes`` says why.

    Raises DataError ``missing_columns`` if it lacks a source column that the plan needs, ``columns_frozen`` if it has
    one that the plan does not know and the columns are frozen.
    """
    report.progress(0, None, "bytes", "Looking at the whole file")
    plan = stored_plan(planned)
    lackable = may_lack(plan, mode, key_columns, change)
    detected = detect_for_plan(location, name, _decoding(report, text), plan.source, plan.source_columns, lackable)
    found = {**_reading(detected, text), "missing": lacking(plan, detected.source)}
    new = new_columns(plan, _all_columns(detected, change))
    if not new or change == "discardValue":
        return found
    if change == "freeze":
        raise refuse_new(new)
    refuse_renamed(plan, found["missing"], new)
    source = detected.source.model_copy(update={"columns": tuple(dict.fromkeys((*detected.source.columns, *new)))})
    found["source"] = source.model_dump(mode="json", by_alias=True)
    found["warnings"] = [warning for warning in found["warnings"] if warning["code"] != "new_columns"]
    if change == "discardRow":
        return found
    profile = profile_source(detected.text, source)
    filled = [column.name for column in profile.columns if column.name in new and column.filled]
    if not filled:
        return found
    evolved, changes = with_new_columns(plan, make_plan(source, profile, detected.declared), filled)
    return {**found, "plan": dump_plan(evolved), "changes": [each.as_json() for each in changes]}


def examine_misfits(
    report: Reporter,
    text: BlobLocation,
    source: dict[str, Any],
    planned: dict[str, Any],
    missing: Sequence[str],
    key_columns: Sequence[str],
) -> dict[str, Any]:
    """What a plan has to be so that values fit that it rejects: numbers wide enough, text where too many do not fit.

    Answers ``{}`` if that would change nothing, else ``{plan, changes}``. A row tells of its first misfit only, so the
    file is read again until nothing more is found.
    """
    form = SourceFormat.model_validate(source)
    plan = stored_plan(planned)
    profile = profile_source(text, form)
    kept = {*key_columns, *plan.key_columns, plan.time_column}
    all_changes: list[Change] = []
    for _ in range(len(plan.columns) + 1):
        misfits, rows, rejects = _misfits(report, text, form, plan, missing)
        plan, changes = widened(plan, profile, misfits, to_text=())
        if not changes and sum(misfits.values()) > plan.max_rejects.allowed(rows) - rejects:
            plan, changes = widened(plan, profile, misfits, to_text=_of_another_kind(plan, profile, misfits) - kept)
        if not changes:
            break
        all_changes += changes
    return {"plan": dump_plan(plan), "changes": [each.as_json() for each in all_changes]} if all_changes else {}


def _of_another_kind(plan: TransformPlan, profile: SourceProfile, misfits: Counter[str]) -> set[str]:
    """The columns of which next to no value fits: what they hold has changed, and is not just broken."""
    filled = {column.name: column.filled for column in profile.columns}
    return {
        column.name
        for column in plan.columns
        if misfits[column.name] and misfits[column.name] >= _NEARLY_ALL * filled.get(column.source or "", 0)
    }


def _misfits(
    report: Reporter, text: BlobLocation, form: SourceFormat, plan: TransformPlan, missing: Sequence[str]
) -> tuple[Counter[str], int, int]:
    """How many rows each column rejects, how many rows there are, and how many are rejected as they are read."""
    compiled = compile_plan(plan)
    misfits: Counter[str] = Counter()
    rows = rejects = 0
    for block in read_blocks(text, form):
        typed = apply_plan(compiled, replace(block, rejects=[]), may_lack=missing)
        misfits.update(reject.column for reject in typed.rejects if reject.column is not None)
        rejects += len(block.rejects)
        rows += typed.records + len(block.rejects)
        report.progress(rows, None, "rows", "Looking at values that do not fit")
    return misfits, rows, rejects


def _all_columns(detected: Detected, change: SchemaChange) -> Sequence[str]:
    """The source's columns. Of JSON these are the fields that any record has, for which all are read."""
    if detected.source.has_fixed_columns or change == "discardValue":
        return detected.source.columns
    everything = detected.source.model_copy(update={"columns": ()})
    names: dict[str, None] = {}
    for block in read_blocks(detected.text, everything):
        names.update(dict.fromkeys(block.frame.columns))
    return tuple(names)


def _decoding(report: Reporter, text: BlobLocation) -> Decoding:
    return Decoding(text, lambda rows, of: report.progress(rows, of, "rows", "Reading the records"))


def _reading(detected: Detected, text: BlobLocation) -> dict[str, Any]:
    return {
        "isDecoded": detected.text == text,
        "source": detected.source.model_dump(mode="json", by_alias=True),
        "storedBytes": detected.stored_bytes,
        "warnings": [warning.as_json() for warning in detected.warnings],
    }


def _no_rows(detected: Detected, rejects: int) -> DataError:
    if rejects:
        which = "The file's only record can't" if rejects == 1 else f"None of the file's {rejects:,} records can"
        return DataError("no_rows", f"{which} be read as a row, so there is nothing to plan by.")
    source = detected.source
    columns = ", ".join(map(repr, source.columns[:10]))
    found = f"a header ({columns}) and no rows" if source.has_fixed_columns else "no records"
    return DataError(
        "no_rows",
        f"The file has {found}, so its columns' types can't be told. Load a file with rows first, or store a plan.",
        details={"columns": list(source.columns[:100])},
    )
