"""What a profile is: plain data, the same in any process."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class CandidateFacts:
    """A kind that a column may be of.

    ``fits`` values are of the kind and ``misfits`` are not, ``examples`` being different ones of these with the number
    of times that each was seen. ``result`` is what the candidate learnt.
    """

    kind: str
    fits: int
    misfits: int
    examples: dict[str, int]
    result: dict[str, Any]


@dataclass(frozen=True)
class ColumnProfile:
    """What all values of a source column say.

    ``filled`` values are there, ``empty`` ones are missing or have no characters; together they are the rows. Of the
    filled ones ``null_words`` are spellings of no value (by spelling, without spaces around it, "" for blank ones)
    and ``padded`` have spaces at an end; both are counted only while the column may be of some kind. ``nul_values``
    hold the character NUL. ``distinct`` are the different values, in order, where they are few.
    """

    name: str
    empty: int
    filled: int
    max_length: int
    candidates: tuple[CandidateFacts, ...]
    null_words: dict[str, int] = field(default_factory=dict)
    padded: int = 0
    nul_values: int = 0
    distinct: list[str] | None = None

    def candidate(self, kind: str) -> CandidateFacts | None:
        """The candidate of this kind, if it held."""
        return next((item for item in self.candidates if item.kind == kind), None)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The profile that ``as_json`` wrote."""
        return cls(**{**data, "candidates": tuple(CandidateFacts(**item) for item in data["candidates"])})


@dataclass(frozen=True)
class SourceProfile:
    """What all records of a source say. ``rejects`` are the records that could not be split into fields."""

    rows: int
    rejects: int
    bytes_read: int
    columns: tuple[ColumnProfile, ...]

    def as_json(self) -> dict[str, Any]:
        """The profile as a JSON object."""
        data = asdict(self)
        for column in data["columns"]:
            column["candidates"] = list(column["candidates"])
        return {**data, "columns": list(data["columns"])}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The profile that ``as_json`` wrote."""
        return cls(**{**data, "columns": tuple(ColumnProfile.from_json(item) for item in data["columns"])})
