"""Fill an unseen table from batches of rows, in a compute child, in chunks that a crash resumes at.

While one batch is being sent, a thread makes the next.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from stepmill.engine.context import AttemptConnection, Reporter
from stepmill.etl.ahead import made_ahead
from stepmill.etl.chunk_rows import Counts
from stepmill.etl.chunks import Batch, TargetTable, TargetWriter
from stepmill.etl.plan.rejects import RejectLimit
from stepmill.etl.reject_limit import EXAMPLES, RejectWatch

CHUNK_ROWS = 1_000_000
"""Rows of one transaction, give or take a batch."""

_SWITCH_SECONDS = 0.0002

MakeBatches = Callable[[dict[str, Any] | None], Iterator[Batch]]
"""Makes the batches of a source, from its beginning or from where a chunk ended."""


@dataclass(frozen=True)
class Filling:
    """One filling of a target."""

    report: Reporter
    writer: TargetWriter
    ready: Iterator[Batch]
    watch: RejectWatch
    expected_rows: int | None
    stored_bytes: int | None
    chunk_rows: int

    def run(self) -> None:
        """Write chunk after chunk; an empty source is one empty chunk."""
        batch = next(self.ready, None)
        while True:
            batch = self._write_chunk(batch)
            if batch is None:
                break

    def _write_chunk(self, batch: Batch | None) -> Batch | None:
        """Write a chunk that begins with ``batch``. Answers the batch after it, None at the end of the source."""
        with self.writer.chunk() as chunk:
            while batch is not None and chunk.counts.rows_read < self.chunk_rows:
                chunk.add(batch)
                so_far = self.writer.totals + chunk.counts
                self.watch.look(so_far, batch.rejects, at_end=False)
                self._tell_progress(so_far, chunk.bytes_read)
                batch = next(self.ready, None)
            if batch is None:
                chunk.resume_at = None
                self.watch.look(self.writer.totals + chunk.counts, (), at_end=True)
        return batch

    def _tell_progress(self, so_far: Counts, bytes_read: int) -> None:
        """In rows where their number is known, else in bytes of the file, so that there always is an end in sight."""
        if self.expected_rows is None and self.stored_bytes is not None:
            self.report.progress(bytes_read, self.stored_bytes, "bytes", f"{so_far.rows_read:,} rows")
        else:
            self.report.progress(so_far.rows_read, self.expected_rows, "rows")


def fill_target(
    report: Reporter,
    own: AttemptConnection,
    target: TargetTable,
    columns: Sequence[str],
    make_batches: MakeBatches,
    limit: RejectLimit,
    *,
    expected_rows: int | None,
    stored_bytes: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Counts:
    """Fill the target, from where an earlier attempt left it. ``columns`` are those that rows are sent with, in order.

    Raises DataError ``too_many_rejects`` past the limit.
    """
    with TargetWriter.opened(own, target, columns) as writer:
        resume_at = writer.resume()
        if resume_at == {}:
            return writer.totals
        if resume_at is not None:
            report.log("info", "Going on after the rows that are there already.", rows=writer.totals.rows_read)
        watch = RejectWatch(limit, expected_rows, writer.first_rejects(EXAMPLES))
        with _quick_switches(), closing(made_ahead(make_batches(resume_at))) as ready:
            Filling(report, writer, ready, watch, expected_rows, stored_bytes, chunk_rows).run()
        return writer.totals


@contextmanager
def _quick_switches() -> Iterator[None]:
    """Let threads take turns quickly: the one that sends has little to do each time, but should do it at once.

    With Python's 5 ms the server waits for rows a quarter of the time.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
