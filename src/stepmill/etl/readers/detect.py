"""How a file is read, decided on all of its bytes. Its name is no more than a hint: the content decides."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.decoded import Decoding
from stepmill.etl.readers.detect_avro import detect_avro
from stepmill.etl.readers.detect_columnar import detect_columnar
from stepmill.etl.readers.detect_members import join_members
from stepmill.etl.readers.detect_text import detect_text, look_at_text
from stepmill.etl.readers.detect_workbook import detect_workbook
from stepmill.etl.readers.detect_xml import detect_xml
from stepmill.etl.readers.findings import Detected, Finding
from stepmill.etl.readers.follow_plan import csv_as_planned, follow_plan, planned_encoding
from stepmill.etl.readers.opened import OpenedFile, open_file
from stepmill.etl.readers.packing import FoundPacking
from stepmill.gateways.blobs import BlobLocation

__all__ = ["Detected", "Finding", "detect_for_plan", "detect_source"]


def detect_source(location: BlobLocation, name: str, decoding: Decoding) -> Detected:
    """How the file is read, and why. What can't be read where it is stored is put where ``decoding`` says.

    Raises DataError: ``empty_file``, ``not_a_table``, ``too_many_columns``, and ``truncated_file`` or ``damaged_file``
    where it can't be decompressed or decoded.
    """
    return _detect(location, name, decoding, None, ())


def detect_for_plan(
    location: BlobLocation,
    name: str,
    decoding: Decoding,
    planned: SourceFormat,
    needed: Sequence[str],
    may_lack: Collection[str] = (),
) -> Detected:
    """How a further file is read for which there is a plan, whose mappings need the source columns ``needed``.

    Some of these it ``may_lack``.

    As the plan says, where that gives all columns that are needed; otherwise as its content says, with a warning.
    Raises DataError as ``detect_source`` does, and ``missing_columns``.
    """
    return follow_plan(_detect(location, name, decoding, planned, needed), planned, needed, may_lack)


def _detect(
    location: BlobLocation, name: str, decoding: Decoding, planned: SourceFormat | None, needed: Sequence[str]
) -> Detected:
    file = open_file(location, name, decoding, planned.member if planned else None)
    found = (
        detect_columnar(file, decoding)
        or detect_avro(file, decoding)
        or detect_workbook(file, decoding, planned.sheet if planned else None)
        or detect_xml(file, decoding, planned)
    )
    if found is None:

        def detect(packing: FoundPacking) -> Detected:
            text = look_at_text(file.location, packing.packing.member or file.name, packing)
            if planned is None:
                return detect_text(text, text.charset)
            charset = planned_encoding(planned, text.survey, text.charset)
            return detect_text(
                text, charset, lambda samples, whole: csv_as_planned(samples, planned, needed, whole=whole)
            )

        found = join_members(file.location, file.found, detect(file.found), detect)
    return replace(found, evidence=(*file.evidence, *found.evidence), warnings=(*_left(file, found), *found.warnings))


def _left(file: OpenedFile, found: Detected) -> Sequence[Finding]:
    """Warnings on the packing; where files are joined, theirs takes the place of that on other files."""
    return [each for each in file.warnings if each.code != "more_members"] if found.source.members else file.warnings
