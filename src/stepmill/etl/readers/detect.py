"""How a file is read, decided on all of its bytes. Its name is no more than a hint: the content decides."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from stepmill.errors import DataError
from stepmill.etl.plan.source import WIDE_ENCODINGS, SourceFormat
from stepmill.etl.readers.charset import Charset, choose_charset
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.detect_csv import detect_csv
from stepmill.etl.readers.findings import Detected, Finding
from stepmill.etl.readers.follow_plan import follow_plan, planned_encoding
from stepmill.etl.readers.json_shape import JsonShape, find_shape
from stepmill.etl.readers.packing import FoundPacking, find_packing
from stepmill.etl.readers.signatures import refuse_other_formats
from stepmill.etl.readers.survey import Survey, survey_file
from stepmill.etl.readers.texts import head_text, sample_lines
from stepmill.gateways.blobs import BlobLocation

_FORMATS_OF = {"csv": ("csv",), "tsv": ("csv",), "json": ("json", "jsonl"), "jsonl": ("jsonl",), "ndjson": ("jsonl",)}

_NAMED_MEMBERS = 10

__all__ = ["Detected", "Finding", "detect_for_plan", "detect_source"]


@dataclass(frozen=True)
class _Looked:
    name: str
    """Of the text: its path in an archive, without what says that it is packed."""
    found: FoundPacking
    survey: Survey
    charset: Charset


def detect_source(location: BlobLocation, name: str) -> Detected:
    """How the file is read, and why.

    Raises DataError: ``empty_file``, ``not_a_table``, ``too_many_columns``, and ``truncated_file`` or ``damaged_file``
    where it can't be decompressed.
    """
    looked = _look(location, name)
    return _detect(looked, looked.charset)


def detect_for_plan(location: BlobLocation, name: str, planned: SourceFormat, needed: Sequence[str]) -> Detected:
    """How a further file is read for which there is a plan, whose mappings need the source columns ``needed``.

    As the plan says, where that gives all columns that are needed; otherwise as its content says, with a warning.
    Raises DataError as ``detect_source`` does, and ``missing_columns``.
    """
    looked = _look(location, name, planned.member)
    charset = planned_encoding(planned, looked.survey, looked.charset)
    detected = _detect(looked, charset)
    samples = sample_lines(looked.survey, charset.encoding) if detected.source.format == "csv" else []
    return follow_plan(detected, samples, planned, needed)


def _look(location: BlobLocation, name: str, member: str | None = None) -> _Looked:
    found = find_packing(location, member)
    if found.packing.member is not None:
        name = found.packing.member
    survey = survey_file(location, found.packing)
    charset = choose_charset(survey)
    if survey.text_bytes == 0 or (survey.is_whole and not _visible(survey, charset)):
        raise DataError("empty_file", f"{name!r} is empty: there is nothing in it to make a table of.")
    refuse_other_formats(survey.head, name, is_wide=charset.encoding in WIDE_ENCODINGS)
    return _Looked(without_suffix(name), found, survey, charset)


def _visible(survey: Survey, charset: Charset) -> str:
    return head_text(survey, charset.encoding).strip("\ufeff\x00\x1a \t\r\n\u00a0")


def _detect(looked: _Looked, charset: Charset) -> Detected:
    survey = looked.survey
    evidence, warnings = _about_packing(looked.found)
    evidence.append(Finding("encoding", f"The encoding is {charset.encoding}: {charset.reason}."))
    warnings += _doubts(charset)
    shape = find_shape(head_text(survey, charset.encoding))
    header: tuple[str, ...] | None = None
    if shape is None:
        found = detect_csv(sample_lines(survey, charset.encoding))
        source, header = found.source, found.header
        evidence += found.evidence
        warnings += found.warnings
    else:
        source = SourceFormat(format=shape.format, records_path=shape.records_path)
        evidence.append(_about_shape(shape))
    warnings += _about_name(looked.name, source.format)
    source = source.model_copy(update={**asdict(looked.found.packing), "encoding": charset.encoding})
    return Detected(source, tuple(evidence), tuple(warnings), header, survey.text_bytes, survey.stored_bytes)


def _about_packing(found: FoundPacking) -> tuple[list[Finding], list[Finding]]:
    packing, evidence = found.packing, []
    if packing.compression != "none":
        evidence.append(Finding("compression", f"The file is compressed with {packing.compression}."))
    if packing.member is None:
        return evidence, []
    packed = "" if packing.member_compression == "none" else f", compressed with {packing.member_compression}"
    message = f"It is a {packing.archive} archive, of which {packing.member!r} is read{packed}."
    evidence.append(Finding("archive", message))
    if not found.others:
        return evidence, []
    others = f"{len(found.others):,} other file{'s' if len(found.others) > 1 else ''}"
    named = ", ".join(map(repr, found.others[:_NAMED_MEMBERS]))
    named += ", …" if len(found.others) > _NAMED_MEMBERS else ""
    message = f"Not read of the archive: {others} ({named}). Name one as `member` in the plan's source to read that."
    return evidence, [Finding("more_members", message)]


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


def _about_name(name: str, found: str) -> list[Finding]:
    suffix = name.lower().rpartition(".")[2]
    if found in _FORMATS_OF.get(suffix, (found,)):
        return []
    is_called = {"csv": "CSV", "jsonl": "JSON Lines", "json": "JSON"}
    return [Finding("other_format", f"The file's name says .{suffix}, but it is {is_called[found]} and is read so.")]
