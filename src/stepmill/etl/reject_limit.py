"""Gives a load up when it has more rejects than its limit allows."""

from collections.abc import Sequence
from typing import Any

from stepmill.errors import DataError
from stepmill.etl.chunk_rows import Counts
from stepmill.etl.plan.rejects import RejectLimit
from stepmill.etl.readers.block import Reject

EXAMPLES = 10
"""Rejects that the error shows."""


class RejectWatch:
    """Counts rejects as they come, and keeps the first as examples."""

    def __init__(self, limit: RejectLimit, expected_rows: int | None, examples: Sequence[dict[str, Any]]) -> None:
        self._limit = limit
        self._expected_rows = expected_rows
        self._examples = list(examples)

    def look(self, counts: Counts, rejects: Sequence[Reject], *, at_end: bool) -> None:
        """Raise DataError ``too_many_rejects`` if the limit is passed: surely, if the end is not reached yet."""
        self._examples += [_example(reject) for reject in rejects[: EXAMPLES - len(self._examples)]]
        if at_end or self._limit.share is None:
            rows = counts.rows_read
        elif self._expected_rows is not None:
            rows = max(counts.rows_read, self._expected_rows)
        else:
            return
        allowed = self._limit.allowed(rows)
        if counts.rows_rejected <= allowed:
            return
        first = self._examples[0]
        raise DataError(
            "too_many_rejects",
            f"{counts.rows_rejected} of the first {counts.rows_read} rows can't be loaded, where maxRejects allows "
            f"{allowed}. The first, on line {first['line']}: {first['reason']} The table is untouched. "
            "Mend the plan or the file, or allow more.",
            details={
                "rowsRead": counts.rows_read,
                "rowsRejected": counts.rows_rejected,
                "limit": allowed,
                "examples": self._examples,
            },
        )


def _example(reject: Reject) -> dict[str, Any]:
    return {
        "line": reject.line,
        "column": reject.column,
        "code": reject.code,
        "reason": reject.reason,
        "raw": reject.raw[:200] if reject.raw else reject.raw,
    }
