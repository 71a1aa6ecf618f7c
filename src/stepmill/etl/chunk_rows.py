"""The rows that a chunk has in the books: its counts, and what was rejected in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from stepmill.etl.readers.block import Reject

CHUNK = """
INSERT INTO load_chunks (load_id, chunk, tenant_id, rows_read, rows_loaded, rows_rejected, rows_filtered, bytes_read,
                         resume_at, attempt)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
REJECTS = """
INSERT INTO load_rejects (load_id, tenant_id, plan_version, ordinal, line, column_name, code, reason, raw, record)
SELECT %s, %s, %s, r.* FROM
    unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[]) AS r
"""


@dataclass(frozen=True)
class Counts:
    """What became of source records."""

    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    rows_filtered: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.rows_read + other.rows_read,
            self.rows_loaded + other.rows_loaded,
            self.rows_rejected + other.rows_rejected,
            self.rows_filtered + other.rows_filtered,
        )


def chunk_values(
    load_id: str,
    chunk: int,
    tenant_id: str,
    counts: Counts,
    *,
    bytes_read: int,
    resume_at: dict[str, Any] | None,
    attempt: int,
) -> tuple[Any, ...]:
    """What ``CHUNK`` is given. ``resume_at`` is where reading goes on, None at the end of the source."""
    sums = (counts.rows_read, counts.rows_loaded, counts.rows_rejected, counts.rows_filtered)
    place = Jsonb(resume_at) if resume_at is not None else None
    return (load_id, chunk, tenant_id, *sums, bytes_read, place, attempt)


def reject_values(
    load_id: str, tenant_id: str, plan_version: int, rejects: Sequence[Reject], first: int
) -> tuple[Any, ...]:
    """What ``REJECTS`` is given for rejects of which the first is the load's ``first``, from 0."""
    numbers = [list(range(first, first + len(rejects))), [reject.line for reject in rejects]]
    texts = [
        [_storable(getattr(reject, name)) for reject in rejects]
        for name in ("column", "code", "reason", "raw", "record")
    ]
    return (load_id, tenant_id, plan_version, *numbers, *texts)


def _storable(text: str | None) -> str | None:
    """PostgreSQL stores no NUL, and no half of a surrogate pair."""
    return text.replace("\x00", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode() if text else text
