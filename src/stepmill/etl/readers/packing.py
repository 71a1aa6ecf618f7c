"""How a stored file holds the text that is read: found by its content, whatever its name."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from stepmill.errors import DataError
from stepmill.etl.plan.source import MEMBER_CHARACTERS, MOST_MEMBERS, Archive
from stepmill.etl.readers.about import listed
from stepmill.etl.readers.archives import HEAD_BYTES, ArchiveMember, find_archive
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.compression import Packing, find_compression, members_of, read_head
from stepmill.etl.readers.findings import Finding
from stepmill.gateways.blobs import BlobLocation

_OF_TABLES = (
    ".csv",
    ".tsv",
    ".tab",
    ".psv",
    ".json",
    ".jsonl",
    ".ndjson",
    ".xlsx",
    ".xlsm",
    ".xlsb",
    ".xls",
    ".ods",
    ".parquet",
    ".arrow",
    ".feather",
    ".xml",
    ".avro",
)
_OF_TEXT = (".txt", ".dat", ".asc", ".prn", ".log", "")
_LITTER = ("__MACOSX/", ".", "Thumbs.db", "desktop.ini")
_OFFICE = ("[Content_Types].xml", "mimetype")
"""Members by which office programs' documents are known, which are zip archives, too."""


@dataclass(frozen=True)
class FoundPacking:
    """How a file is packed. ``head`` is how it begins, unpacked.

    Of an archive, ``others`` are the paths of what could be read as well, and ``same_kind`` those of them whose names
    say as much of a table.
    """

    packing: Packing
    head: bytes
    others: tuple[str, ...] = ()
    same_kind: tuple[str, ...] = ()

    @property
    def is_archive_inside(self) -> bool:
        """Whether what is packed is an archive, or an office document, which looks the same."""
        return find_archive(self.head) != "none" and self.packing != Packing()


def find_packing(location: BlobLocation, wanted: str | None = None) -> FoundPacking:
    """How a file is packed, and which member of an archive is read: ``wanted`` if it has that, else the likeliest.

    With a ``*``, ``wanted`` stands for several. A zip archive that is compressed as a whole is not looked into. Raises
    DataError ``empty_archive`` for one without files, and what unpacking raises.
    """
    head = read_head(location, Packing(), HEAD_BYTES)
    compression = find_compression(head)
    outer = Packing(compression)
    if compression != "none":
        head = read_head(location, outer, HEAD_BYTES)
    archive = find_archive(head)
    if archive == "none" or (archive == "zip" and compression != "none"):
        return FoundPacking(outer, head)
    members = members_of(location, compression, archive)
    if any(member.path in _OFFICE for member in members):
        return FoundPacking(outer, head)
    likely = _likely(members, archive)
    chosen = _chosen(likely, {member.path for member in members}, wanted)
    inner = Packing(compression, archive, chosen)
    head = read_head(location, inner, HEAD_BYTES)
    packed = find_compression(head)
    packing = Packing(compression, archive, chosen, packed)
    if packed != "none":
        head = read_head(location, packing, HEAD_BYTES)
    others = tuple(path for path in likely if path != chosen)
    may_join = [path for path in others if _rank(path) == _rank(chosen) and _is_meant(path, chosen, wanted)]
    return FoundPacking(packing, head, others, tuple(may_join[: MOST_MEMBERS - 1]))


def _chosen(likely: Sequence[str], present: Container[str], wanted: str | None) -> str:
    if wanted is not None and wanted in present:
        return wanted
    matching = [path for path in likely if wanted is not None and fits(path, wanted)]
    return (matching or likely)[0]


def _is_meant(path: str, chosen: str, wanted: str | None) -> bool:
    """Whether a file may be read together with the chosen one: not where a plan names just that, or others."""
    if wanted is None or not fits(chosen, wanted):
        return True
    return wanted != chosen and fits(path, wanted)


def fits(path: str, pattern: str) -> bool:
    """Whether a path is one that the pattern stands for: ``*`` stands for any characters."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path, re.DOTALL) is not None


def about_packing(found: FoundPacking) -> tuple[list[Finding], list[Finding]]:
    """Evidence of how a file is packed, and warnings of what is left out."""
    packing, evidence = found.packing, []
    if packing.compression != "none":
        evidence.append(Finding("compression", f"The file is compressed with {packing.compression}."))
    if packing.member is None:
        return evidence, []
    packed = "" if packing.member_compression == "none" else f", compressed with {packing.member_compression}"
    message = f"It is a {packing.archive} archive, of which {packing.member!r} is read{packed}."
    evidence.append(Finding("archive", message))
    return evidence, not_read(found.others)


def not_read(others: Sequence[str]) -> list[Finding]:
    """A warning on the files of an archive that are left out, if there are some."""
    if not others:
        return []
    message = f"Not read of the archive: {listed(others, 'other file')}."
    return [Finding("more_members", f"{message} Name one as `member` in the plan's source to read that.")]


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
