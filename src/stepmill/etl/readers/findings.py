"""What detection hands on: how a file is read, why, and what may surprise."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.plan.types import TargetType
from stepmill.gateways.blobs import BlobLocation


@dataclass(frozen=True)
class Finding:
    """One thing that was found out about a file: a stable code and a sentence."""

    code: str
    message: str
    column: str | None = None

    def as_json(self) -> dict[str, str]:
        """The finding as a JSON object; without a column where it is about none."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Detected:
    """How a file is read.

    ``evidence`` says why, ``warnings`` what may surprise. ``header`` has the header's cells as they stand in the file,
    None where there is none. ``text`` is where it is read: the file itself, or what was decoded of it. Its size is
    ``text_bytes`` after decompression, ``stored_bytes`` before.
    """

    source: SourceFormat
    evidence: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    header: tuple[str, ...] | None
    text_bytes: int
    stored_bytes: int
    text: BlobLocation
    samples: tuple[str, ...] = ()
    """Of a table of text, for who reads it another way: its beginning, and pieces from further on."""
    declared: Mapping[str, TargetType] = field(default_factory=dict)
    """The types of columns that the file itself declares."""


def shown(text: str) -> str:
    """A character or name for a sentence: one that can't be seen by its name."""
    names = {"\t": "the tab", " ": "the space", "\x01": "the character 0x01", "\x1f": "the character 0x1F"}
    return names.get(text) or f"'{text}'"
