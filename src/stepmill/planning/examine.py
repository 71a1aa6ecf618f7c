"""What a compute child does to learn how a file is read and, where there is no plan yet, to make one from its data."""

from collections.abc import Sequence
from typing import Any

from stepmill.engine.context import Reporter
from stepmill.errors import DataError
from stepmill.etl.plan.parse import dump_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.profile import profile_source
from stepmill.etl.readers.detect import Detected, detect_for_plan, detect_source
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.rules import make_plan


def examine_file(report: Reporter, location: BlobLocation, name: str) -> dict[str, Any]:
    """How the file is read, and the plan that the rules make from all of its values.

    Answers ``{source, warnings, plan, records}``. Raises DataError ``no_rows`` for a file that has none, because
    nothing could be learnt from it.
    """
    report.progress(0, None, "bytes", "Looking at the whole file")
    detected = detect_source(location, name)

    def on_progress(_records: int, stored_bytes: int) -> None:
        report.progress(stored_bytes, detected.stored_bytes, "bytes", "Looking at every value")

    profile = profile_source(location, detected.source, on_progress=on_progress)
    if profile.rows == 0:
        raise _no_rows(detected, profile.rejects)
    plan = make_plan(detected.source, profile)
    return {**_reading(detected), "plan": dump_plan(plan), "records": profile.rows + profile.rejects}


def examine_for_plan(
    report: Reporter, location: BlobLocation, name: str, planned: dict[str, Any], needed: Sequence[str]
) -> dict[str, Any]:
    """How the file is read so that a plan whose source is ``planned`` fits it: ``{source, warnings}``.

    Raises DataError ``missing_columns`` if it lacks one of the source columns ``needed``.
    """
    report.progress(0, None, "bytes", "Looking at the whole file")
    return _reading(detect_for_plan(location, name, SourceFormat.model_validate(planned), needed))


def _reading(detected: Detected) -> dict[str, Any]:
    return {
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
    found = f"a header ({columns}) and no rows" if source.format == "csv" else "no records"
    return DataError(
        "no_rows",
        f"The file has {found}, so its columns' types can't be told. Load a file with rows first, or store a plan.",
        details={"columns": list(source.columns[:100])},
    )
