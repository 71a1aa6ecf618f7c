"""How many rejects a load may have before it is given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stepmill.errors import DataError
from stepmill.etl.chunks import Counts
from stepmill.etl.readers.block import Reject

EXAMPLES = 10
"""Rejects that the error shows."""


@dataclass(frozen=True)
class RejectLimit:
    """A number of rows, or a share of all rows; neither for no limit."""

    rows: int | None = None
    share: float | None = None

    def is_exceeded(self, counts: Counts, expected_rows: int | None, *, at_end: bool) -> bool:
        """Whether there are too many. Of a share that is known at the end, or as soon as it can't be met any more."""
        if self.rows is not None and counts.rows_rejected > self.rows:
            return True
        if self.share is None or not (at_end or expected_rows):
            return False
        of = counts.rows_read if at_end else max(expected_rows or 0, counts.rows_read)
        return counts.rows_rejected > self.share * of

    def __str__(self) -> str:
        return f"{self.rows} rows" if self.rows is not None else f"{self.share:.2%} of the rows"


class RejectWatch:
    """Counts rejects as they come, and keeps the first as examples."""

    def __init__(self, limit: RejectLimit, expected_rows: int | None, examples: Sequence[dict[str, Any]]) -> None:
        self._limit = limit
        self._expected_rows = expected_rows
        self._examples = list(examples)

    def look(self, counts: Counts, rejects: Sequence[Reject], *, at_end: bool) -> None:
        """Raise DataError ``too_many_rejects`` if the limit is passed."""
        self._examples += [_example(reject) for reject in rejects[: EXAMPLES - len(self._examples)]]
        if not self._limit.is_exceeded(counts, self._expected_rows, at_end=at_end):
            return
        first = self._examples[0]
        raise DataError(
            "too_many_rejects",
            f"{counts.rows_rejected} of the first {counts.rows_read} rows can't be loaded, more than the {self._limit} "
            f"that maxRejects allows. The first, on line {first['line']}: {first['reason']} The table is untouched. "
            "Mend the plan or the file, or allow more.",
            details={
                "rowsRead": counts.rows_read,
                "rowsRejected": counts.rows_rejected,
                "limit": self._limit.rows if self._limit.rows is not None else self._limit.share,
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
