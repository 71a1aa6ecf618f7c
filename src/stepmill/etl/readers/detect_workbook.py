"""How a sheet of a workbook is read: which one, and where in its text the table begins."""

from dataclasses import asdict

from stepmill.errors import DataError
from stepmill.etl.plan.source import SHEET_CHARACTERS
from stepmill.etl.readers.about import about_name, listed
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.compression import Packing
from stepmill.etl.readers.decoded import Decoding, decode_workbook
from stepmill.etl.readers.detect_csv import detect_sheet
from stepmill.etl.readers.findings import Detected, Finding
from stepmill.etl.readers.opened import OpenedFile
from stepmill.etl.readers.survey import survey_file
from stepmill.etl.readers.texts import sample_lines, whole_text
from stepmill.etl.readers.workbook_child import SheetText


def detect_workbook(file: OpenedFile, decoding: Decoding, wanted: str | None) -> Detected | None:
    """Write the text of the sheet ``wanted``, or of the likeliest, and find its table; None for what is no workbook.

    Raises DataError as ``write_sheet`` does, ``empty_file`` and ``too_many_columns``.
    """
    sheet = decode_workbook(file.location, file.found, file.name, wanted, decoding)
    if sheet is None or sheet.sheet is None:
        return None
    survey = survey_file(decoding.text, Packing())
    if not survey.text_bytes or (survey.is_whole and not survey.head.strip(b"\n,")):
        raise DataError(
            "empty_file", f"The sheet {sheet.sheet!r} of {file.name!r} has nothing in it to make a table of."
        )
    samples = sample_lines(survey, "utf-8")
    name = sheet.sheet if len(sheet.sheet) <= SHEET_CHARACTERS else None
    csv = detect_sheet(samples, name, whole=whole_text(survey, "utf-8"))
    told = Finding("sheet", f"It is a workbook, of which the sheet {sheet.sheet!r} is read.")
    about = about_name(without_suffix(file.name), csv.source.format)
    return Detected(
        source=csv.source.model_copy(update=asdict(file.found.packing)),
        evidence=(told, *csv.evidence),
        warnings=(*_about_others(sheet), *csv.warnings, *about),
        header=csv.header,
        text_bytes=survey.text_bytes,
        stored_bytes=survey.stored_bytes,
        text=decoding.text,
        samples=tuple(samples),
    )


def _about_others(sheet: SheetText) -> list[Finding]:
    left = [(sheet.others, "other sheet"), (sheet.hidden, "hidden sheet")]
    counted = [listed(names, what) for names, what in left if names]
    if not counted:
        return []
    message = f"Not read of the workbook: {' and '.join(counted)}."
    return [Finding("more_sheets", f"{message} Name one as `sheet` in the plan's source to read that.")]
