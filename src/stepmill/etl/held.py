"""The rows of a small file, typed and ready to be sent, but not yet in any table."""

import base64
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

from stepmill.etl.chunk_rows import Counts
from stepmill.etl.chunks import HEADER, TRAILER, Batch
from stepmill.etl.plan.rejects import RejectLimit
from stepmill.etl.readers.block import Reject
from stepmill.etl.reject_limit import RejectWatch

HELD_BYTES = 4 * 1024 * 1024
"""Rows and rejects that take more are sent to a table, from wherever they come."""

_MOST_REJECTS = 10_000


@dataclass(frozen=True)
class HeldRows:
    """All rows of a source as one COPY in binary form takes them, and what became of its records."""

    columns: tuple[str, ...]
    data: bytes
    counts: Counts
    rejects: tuple[Reject, ...]
    bytes_read: int

    def as_json(self) -> dict[str, Any]:
        """The rows as a computing process answers them."""
        return {
            "columns": list(self.columns),
            "data": base64.b64encode(self.data).decode(),
            "counts": asdict(self.counts),
            "rejects": [asdict(reject) for reject in self.rejects],
            "bytesRead": self.bytes_read,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The rows that ``as_json`` wrote."""
        return cls(
            columns=tuple(data["columns"]),
            data=base64.b64decode(data["data"]),
            counts=Counts(**data["counts"]),
            rejects=tuple(Reject(**reject) for reject in data["rejects"]),
            bytes_read=data["bytesRead"],
        )


def hold(
    columns: tuple[str, ...], batches: Iterable[Batch], limit: RejectLimit, expected_rows: int | None
) -> HeldRows | None:
    """All batches of a source; None if they are too large. Raises DataError ``too_many_rejects``."""
    watch = RejectWatch(limit, expected_rows, ())
    data = bytearray(HEADER)
    counts, rejects, size, bytes_read = Counts(), list[Reject](), 0, 0
    for batch in batches:
        for part in batch.data:
            data += part
        counts, bytes_read = counts + batch.counts, batch.bytes_read
        rejects += batch.rejects
        watch.look(counts, batch.rejects, at_end=False)
        size += sum(map(len, batch.data)) + sum(len(reject.record) for reject in batch.rejects)
        if size > HELD_BYTES or len(rejects) > _MOST_REJECTS:
            return None
    watch.look(counts, (), at_end=True)
    return HeldRows(columns, bytes(data + TRAILER), counts, tuple(rejects), bytes_read)
