"""Which other files of an archive are one table with the one that was looked at: those that are read just as it is."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import PurePosixPath

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.about import listed
from stepmill.etl.readers.archives import HEAD_BYTES
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.compression import Packing, find_compression, read_head
from stepmill.etl.readers.findings import Detected, Finding
from stepmill.etl.readers.packing import FoundPacking, not_read
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation

_LEAST_SHARED = 0.5
"""Of the fields of JSON records: each may lack some."""

Detect = Callable[[FoundPacking], Detected]


def join_members(location: BlobLocation, found: FoundPacking, detected: Detected, detect: Detect) -> Detected:
    """The same, with all files of the archive that are alike. ``detect`` says how one of another packing is read."""
    first = detected.source
    own = found.packing.member
    if own is None or not found.same_kind:
        return detected
    joined = {path: other for path in found.same_kind if (other := _alike(location, path, first, detect)) is not None}
    if not joined:
        return detected
    members = sorted([own, *joined])
    rest = [path for path in found.others if path not in joined]
    told = Finding("members", f"{listed(members, 'file')} of it are read as one table, one after another.")
    return replace(
        detected,
        source=first.model_copy(update={"member": _pattern(members), "members": tuple(members)}),
        evidence=(*detected.evidence, told),
        warnings=(*detected.warnings, *not_read(rest)),
        text_bytes=detected.text_bytes + sum(other.text_bytes for other in joined.values()),
    )


def _alike(location: BlobLocation, path: str, first: SourceFormat, detect: Detect) -> Detected | None:
    """How the file of this path is read, if that is as the first one is."""
    packing = Packing(first.compression, first.archive, path)
    try:
        packed = find_compression(read_head(location, packing, HEAD_BYTES))
        if packed != first.member_compression:
            return None
        other = detect(FoundPacking(replace(packing, member_compression=packed), b""))
        same = other.source.model_copy(update={"member": first.member})
        return other if same == first and (first.has_fixed_columns or _share_fields(location, first, path)) else None
    except DataError:
        return None  # what is no table, or broken, is told of as left out


def _share_fields(location: BlobLocation, first: SourceFormat, path: str) -> bool:
    own = _fields(location, first)
    others = _fields(location, first.model_copy(update={"member": path}))
    return len(own & others) >= _LEAST_SHARED * len(own | others)


def _fields(location: BlobLocation, source: SourceFormat) -> set[str]:
    with closing(read_blocks(location, source)) as blocks:
        block = next(blocks, None)
    return set(block.frame.columns) if block is not None else set()


def _pattern(members: list[str]) -> str:
    """What names them in further archives, too."""
    suffixes = {path[len(without_suffix(path)) :] for path in members}
    kinds = {PurePosixPath(without_suffix(path)).suffix for path in members}
    return f"*{kinds.pop()}{suffixes.pop()}" if len(kinds) == len(suffixes) == 1 else "*"
