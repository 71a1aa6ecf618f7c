"""What a compute child does to learn how a file is read and, where there is no plan yet, to make one from its data."""

from collections.abc import Sequence
from typing import Any

from stepmill.engine.context import Reporter
from stepmill.errors import DataError
from stepmill.etl.plan.parse import dump_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.profile import profile_source
from stepmill.etl.readers.decoded import Decoding
from stepmill.etl.readers.detect import Detected, detect_for_plan, detect_source
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.rules import make_plan


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
    plan = make_plan(detected.source, profile, detected.declared)
    return {**_reading(detected, text), "plan": dump_plan(plan), "records": profile.rows + profile.rejects}


def examine_for_plan(
    report: Reporter,
    location: BlobLocation,
    name: str,
    text: BlobLocation,
    planned: dict[str, Any],
    needed: Sequence[str],
) -> dict[str, Any]:
    """How the file is read so that a plan whose source is ``planned`` fits it.

    Answers ``{source, isDecoded, storedBytes, warnings}``; what had to be decoded is then in ``text``.

    Raises DataError ``missing_columns`` if it lacks one of the source columns ``needed``.
    """
    report.progress(0, None, "bytes", "Looking at the whole file")
    source = SourceFormat.model_validate(planned)
    return _reading(detect_for_plan(location, name, _decoding(report, text), source, needed), text)


def _decoding(report: Reporter, text: BlobLocation) -> Decoding:
    return Decoding(text, lambda rows, of: report.progress(rows, of, "rows", "Reading the workbook"))


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
