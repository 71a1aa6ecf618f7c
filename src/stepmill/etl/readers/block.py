"""What readers hand on: a block of records as text columns, and the records that could not be split into fields."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import orjson
import polars as pl


@dataclass(frozen=True)
class BlockStart:
    """Where a block begins, so that reading can be taken up there: plain data, the same in any process.

    ``offset`` counts the bytes of the source after decompression, ``line`` is physical and 1-based, ``record`` is the
    number of records before it (rows and rejects). Where several files of an archive are read, ``member`` says in
    which one offset and line are, from 0.
    """

    offset: int
    line: int
    record: int
    member: int = 0

    def as_json(self) -> dict[str, int]:
        """The numbers as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The start that ``as_json`` wrote."""
        return cls(
            offset=int(data["offset"]),
            line=int(data["line"]),
            record=int(data["record"]),
            member=int(data.get("member", 0)),
        )


@dataclass(frozen=True)
class Reject:
    """One record that is not loaded, and why.

    ``raw`` is the offending value, or the beginning of the record where no single value is to blame. ``record`` is JSON
    text that a replay reads: an object of the row's source fields, or a string with the record's own text where it
    could not be split into fields.
    """

    line: int
    column: str | None
    code: str
    reason: str
    raw: str | None
    record: str

    def with_replaced(self, mark: str, text: str) -> "Reject":
        """The reject with ``text`` wherever the character ``mark`` stands in for it."""
        content = orjson.loads(self.record)
        if isinstance(content, str):
            content = content.replace(mark, text)
        else:
            content = {name: value and value.replace(mark, text) for name, value in content.items()}
        return replace(self, raw=self.raw and self.raw.replace(mark, text), record=orjson.dumps(content).decode())


@dataclass(frozen=True)
class MendedRow:
    """A row of the block whose fields were put back in their places: the line, in what way, and its own text."""

    line: int
    way: str
    raw: str


@dataclass(frozen=True)
class RawBlock:
    """Some consecutive records of a source.

    ``frame`` has only String columns, named by the source's unique column names; null means that a field is missing
    (JSON only: an empty CSV field is ``""``). ``lines`` (UInt64) has the line on which each row of ``frame`` begins.
    ``frame.height + len(rejects)`` is the number of records; blank lines are none. ``mended`` tells of rows of the
    frame that do not stand in the file as they are there.
    """

    frame: pl.DataFrame
    lines: pl.Series
    rejects: list[Reject]
    bytes_read: int  # of the stored, maybe compressed, file up to here: for progress
    start: BlockStart
    next: BlockStart
    mended: tuple[MendedRow, ...] = ()

    @property
    def records(self) -> int:
        """How many source records the block accounts for."""
        return self.frame.height + len(self.rejects)

    def with_replaced(self, mark: str, text: str) -> "RawBlock":
        """The block with ``text`` wherever the character ``mark`` stands in for it."""
        return replace(
            self,
            frame=self.frame.with_columns(pl.all().str.replace_all(mark, text, literal=True)),
            rejects=[reject.with_replaced(mark, text) for reject in self.rejects],
            mended=tuple(replace(row, raw=row.raw.replace(mark, text)) for row in self.mended),
        )
