"""A file with what it is packed in taken off as far as it must be, to be read from."""

from dataclasses import dataclass

from stepmill.etl.readers.compression import Packing
from stepmill.etl.readers.decoded import Decoding, unpack
from stepmill.etl.readers.findings import Finding
from stepmill.etl.readers.packing import FoundPacking, about_packing, find_packing
from stepmill.gateways.blobs import BlobLocation


@dataclass(frozen=True)
class OpenedFile:
    """Where a file is read and how it is packed there. ``name`` is the member's in an archive.

    ``evidence`` and ``warnings`` tell of all that it is packed in.
    """

    location: BlobLocation
    name: str
    found: FoundPacking
    evidence: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def open_file(location: BlobLocation, name: str, decoding: Decoding, wanted: str | None) -> OpenedFile:
    """Find out how a file is packed; an archive in something else is unpacked once, to where ``decoding`` says.

    So is a compressed archive of which several files may be read: each would be looked for from its beginning. Raises
    DataError where it can't be unpacked.
    """
    found = find_packing(location, wanted)
    evidence, warnings = about_packing(found)
    is_long_way = found.same_kind and found.packing.compression != "none"
    if found.is_archive_inside or is_long_way:
        unpack(location, Packing(found.packing.compression) if is_long_way else found.packing, decoding.text)
        name = found.packing.member or name
        location, found = decoding.text, find_packing(decoding.text, wanted)
        if is_long_way:
            evidence, warnings = evidence[:1], []
        more_evidence, more_warnings = about_packing(found)
        evidence, warnings = [*evidence, *more_evidence], [*warnings, *more_warnings]
    return OpenedFile(location, found.packing.member or name, found, tuple(evidence), tuple(warnings))
