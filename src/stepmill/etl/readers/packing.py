"""How a stored file holds the text that is read: found by its content, whatever its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from stepmill.errors import DataError
from stepmill.etl.plan.source import MEMBER_CHARACTERS, Archive
from stepmill.etl.readers.archives import HEAD_BYTES, ArchiveMember, find_archive
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.compression import Packing, find_compression, members_of, read_head
from stepmill.gateways.blobs import BlobLocation

_OF_TABLES = (".csv", ".tsv", ".tab", ".psv", ".json", ".jsonl", ".ndjson")
_OF_TEXT = (".txt", ".dat", ".asc", ".prn", ".log", "")
_LITTER = ("__MACOSX/", ".", "Thumbs.db", "desktop.ini")
_OFFICE = ("[Content_Types].xml", "mimetype")
"""Members by which office programs' documents are known, which are zip archives, too. They come first."""
_FIRST_NAME_AT = 30  # in a zip archive


@dataclass(frozen=True)
class FoundPacking:
    """How a file is packed. Of an archive, ``others`` are the paths of what could be read as well."""

    packing: Packing
    others: tuple[str, ...] = ()


def find_packing(location: BlobLocation, wanted: str | None = None) -> FoundPacking:
    """How a file is packed, and which member of an archive is read: ``wanted`` if it has that, else the likeliest.

    Raises DataError ``empty_archive`` for one without files, and what unpacking raises.
    """
    head = read_head(location, Packing(), HEAD_BYTES)
    compression = find_compression(head)
    outer = Packing(compression)
    if compression != "none":
        head = read_head(location, outer, HEAD_BYTES)
    archive = find_archive(head)
    if archive == "none" or (archive == "zip" and head.startswith(tuple(map(str.encode, _OFFICE)), _FIRST_NAME_AT)):
        return FoundPacking(outer)
    members = members_of(location, compression, archive)
    if any(member.path in _OFFICE for member in members):
        return FoundPacking(outer)
    likely = _likely(members, archive)
    chosen = wanted if wanted in {member.path for member in members} else likely[0]
    inner = Packing(compression, archive, chosen)
    packed = find_compression(read_head(location, inner, HEAD_BYTES))
    others = tuple(path for path in likely if path != chosen)
    return FoundPacking(Packing(compression, archive, chosen, packed), others)


def _likely(members: Sequence[ArchiveMember], archive: Archive) -> list[str]:
    """The paths of what may be tables, the likeliest first: by their kind of name, then in the alphabet's order."""
    useful = [member for member in members if member.size and not _is_litter(member.path)]
    if not useful:
        raise DataError("empty_archive", f"The {archive} archive has no file in it, so there is nothing to load.")
    return [member.path for member in sorted(useful, key=lambda member: (_rank(member.path), member.path))]


def _is_litter(path: str) -> bool:
    return (
        len(path) > MEMBER_CHARACTERS or path.startswith(_LITTER[0]) or PurePosixPath(path).name.startswith(_LITTER[1:])
    )


def _rank(path: str) -> int:
    suffix = PurePosixPath(without_suffix(path)).suffix.lower()
    return 0 if suffix in _OF_TABLES else 1 if suffix in _OF_TEXT else 2
