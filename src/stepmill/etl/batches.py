"""From the blocks of a source to batches that can be sent, and what is to be told of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import polars as pl

from stepmill.engine.context import AttemptConnection, Reporter
from stepmill.etl.ahead import made_ahead
from stepmill.etl.chunk_rows import Counts
from stepmill.etl.chunks import TRAILER, Batch, TargetTable
from stepmill.etl.plan.compile import compiled_plan
from stepmill.etl.plan.rejects import RejectLimit
from stepmill.etl.readers.block import BlockStart, RawBlock
from stepmill.etl.readers.mended import MendedCount
from stepmill.etl.typed import TypedBlock, apply_plan
from stepmill.etl.unknown_columns import refuse_unknown
from stepmill.etl.zeros import LostZeros

Blocks = Callable[[BlockStart | None], Iterator[RawBlock]]
"""Reads a source, from its beginning or from where a block began."""


@dataclass(frozen=True)
class FillOrder:
    """What is to be filled and by which plan, which is JSON text; plain data.

    ``expected_rows`` and ``stored_bytes`` say how much there is, where that is known.

    ``load_id_column`` is sent with each row, and ``ordinal_column``, if named, with the row's place in the source.
    The source may lack the columns ``missing``. If the order ``refuses_unknown``, rows are rejected that have a value
    in a column that the plan does not know.
    """

    own: AttemptConnection
    target: TargetTable
    plan: str
    limit: RejectLimit
    expected_rows: int | None
    stored_bytes: int | None
    load_id_column: str
    ordinal_column: str | None
    missing: tuple[str, ...] = ()
    refuses_unknown: bool = False


class Batches:
    """Makes the batches of a source, and remembers what is to be told of them at its end."""

    def __init__(self, order: FillOrder, blocks: Blocks) -> None:
        self._order = order
        self._blocks = blocks
        self._compiled = compiled_plan(order.plan)
        self._plan = plan = self._compiled.plan
        self._hidden = [order.load_id_column, *([order.ordinal_column] if order.ordinal_column else [])]
        self._nulled: Counter[str] = Counter()
        self._zeros: dict[str, LostZeros] = {}
        self._mended = MendedCount()
        self.columns = (*(column.name for column in plan.columns), *self._hidden)

    def made_in_a_thread(self, resume_at: dict[str, Any] | None) -> Iterator[Batch]:
        """The batches from there on; what is read next is read while they are made."""
        start = BlockStart.from_json(resume_at) if resume_at else None
        with closing(made_ahead(self._blocks(start))) as ready:
            yield from map(self._batch, ready)

    def made(self) -> Iterator[Batch]:
        """All batches, one thing after another."""
        return map(self._batch, self._blocks(None))

    def _batch(self, block: RawBlock) -> Batch:
        if self._order.refuses_unknown:
            block = refuse_unknown(block, self._plan.source.columns)
        typed = apply_plan(self._compiled, block, may_lack=self._order.missing)
        self._mended.add(block.mended)
        self._nulled.update(typed.nulled)
        for column, lost in typed.lost_zeros.items():
            self._zeros[column] = self._zeros[column] + lost if column in self._zeros else lost
        counts = Counts(block.records, typed.frame.height, len(typed.rejects), typed.filtered)
        return Batch(self._encoded(typed), counts, typed.rejects, block.bytes_read, block.next.as_json())

    def _encoded(self, typed: TypedBlock) -> list[bytes]:
        # Arrow is loaded in compute children alone: api and worker processes import this module and stay small.
        from stepmill.etl.encode import CopyEncoder

        hidden: dict[str, int | pl.Series] = {self._order.load_id_column: self._order.target.load_number}
        if self._order.ordinal_column is not None:
            hidden[self._order.ordinal_column] = typed.ordinals
        encoder = CopyEncoder(self._plan, self._hidden)
        encoder.header()  # it is sent once for all batches of a COPY, as is the trailer
        return [*encoder.encode(typed.frame, hidden), encoder.trailer()[: -len(TRAILER)]]

    def tell(self, report: Reporter) -> None:
        """Say what was done to the rows, in the job's log."""
        for told in self._mended:
            report.log("warning", told.message, code="rows_mended")
        for column, count in sorted(self._nulled.items()):
            report.log(
                "warning", f"{count} values of {column} did not fit and are null, as the plan asks.", column=column
            )
        for column, lost in sorted(self._zeros.items()):
            report.log(
                "warning",
                f"{column} is a number by the plan, so {lost.count} values lost zeros in front, the first of them "
                f"{lost.text!r} in line {lost.line}. If they are codes, make the column text in the plan and load "
                "again.",
                column=column,
            )
