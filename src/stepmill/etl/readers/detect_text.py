"""How a text is read that is stored as such: its encoding, and whether it is CSV or JSON."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from stepmill.errors import DataError
from stepmill.etl.plan.source import WIDE_ENCODINGS, SourceFormat
from stepmill.etl.readers.about import about_name
from stepmill.etl.readers.charset import Charset, choose_charset
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.detect_csv import CsvFound, detect_csv
from stepmill.etl.readers.findings import Detected, Finding
from stepmill.etl.readers.json_shape import JsonShape, find_shape
from stepmill.etl.readers.packing import FoundPacking
from stepmill.etl.readers.signatures import refuse_other_formats
from stepmill.etl.readers.survey import Survey, survey_file
from stepmill.etl.readers.texts import head_text, sample_lines, whole_text
from stepmill.gateways.blobs import BlobLocation

AsPlanned = Callable[[Sequence[str], str | None], CsvFound | None]
"""Reads samples of a CSV, of which all may be at hand, by a plan; None if they are not so."""


@dataclass(frozen=True)
class LookedAt:
    """A text of which all bytes were seen."""

    location: BlobLocation
    name: str
    found: FoundPacking
    survey: Survey
    charset: Charset


def look_at_text(location: BlobLocation, name: str, found: FoundPacking) -> LookedAt:
    """Look at all of it. Raises DataError ``empty_file`` and ``not_a_table``, and where it can't be unpacked."""
    survey = survey_file(location, found.packing)
    charset = choose_charset(survey)
    if survey.text_bytes == 0 or (survey.is_whole and not _visible(survey, charset)):
        raise DataError("empty_file", f"{name!r} is empty: there is nothing in it to make a table of.")
    refuse_other_formats(survey.head, name, is_wide=charset.encoding in WIDE_ENCODINGS)
    return LookedAt(location, name, found, survey, charset)


def _unplanned(_samples: Sequence[str], _whole: str | None) -> None:
    """There is no plan."""


def detect_text(looked: LookedAt, charset: Charset, as_planned: AsPlanned = _unplanned) -> Detected:
    """How the text is read in this encoding; a CSV ``as_planned``, if it is so.

    Raises DataError ``too_many_columns`` and ``no_first_row``.
    """
    survey = looked.survey
    evidence = [Finding("encoding", f"The encoding is {charset.encoding}: {charset.reason}.")]
    warnings = _doubts(charset)
    header: tuple[str, ...] | None = None
    samples: list[str] = []
    planned: CsvFound | None = None
    shape = find_shape(head_text(survey, charset.encoding))
    if shape is None:
        samples = sample_lines(survey, charset.encoding)
        whole = whole_text(survey, charset.encoding)
        planned = as_planned(samples, whole)
        csv = planned or detect_csv(samples, whole=whole)
        source, header = csv.source, csv.header
        evidence += csv.evidence
        warnings += csv.warnings
    else:
        source = SourceFormat(format=shape.format, records_path=shape.records_path)
        evidence.append(_about_shape(shape))
    if planned is None:
        warnings += about_name(without_suffix(looked.name), source.format)
    return Detected(
        source=source.model_copy(update={**asdict(looked.found.packing), "encoding": charset.encoding}),
        evidence=tuple(evidence),
        warnings=tuple(warnings),
        header=header,
        text_bytes=survey.text_bytes,
        stored_bytes=survey.stored_bytes,
        text=looked.location,
        samples=() if planned else tuple(samples),
    )


def _visible(survey: Survey, charset: Charset) -> str:
    return head_text(survey, charset.encoding).strip("\ufeff\x00\x1a \t\r\n\u00a0")


def _doubts(charset: Charset) -> list[Finding]:
    findings = []
    if charset.is_guess:
        message = f"The encoding is a guess: {charset.reason}. Look whether names and words with accents are right."
        findings.append(Finding("guessed_encoding", message))
    if charset.bad_places:
        count = f"{charset.bad_places:,} {'place' if charset.bad_places == 1 else 'places'} or more"
        message = f"In {count} the file is not valid {charset.encoding}. Records with such places are rejected."
        findings.append(Finding("encoding_errors", message))
    return findings


def _about_shape(shape: JsonShape) -> Finding:
    if shape.format == "jsonl":
        return Finding("format", "Each line is a JSON value of its own.")
    if shape.records_path is not None:
        return Finding("records_path", f"The records are the objects of the JSON array at {shape.records_path!r}.")
    if shape.is_array:
        return Finding("format", "The records are the objects of a JSON array.")
    return Finding("format", "The records are JSON objects, one after another.")
