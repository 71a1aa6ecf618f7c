"""What a compute child runs to fill a target: from a file, or from what an earlier load rejected."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from stepmill.engine.context import AttemptConnection, Reporter
from stepmill.etl.ahead import made_ahead
from stepmill.etl.chunks import TRAILER, Batch, Counts, TargetTable
from stepmill.etl.load import fill_target
from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.rejects import RejectLimit
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import BlockStart, RawBlock
from stepmill.etl.readers.mended import MendedCount
from stepmill.etl.readers.read import read_blocks
from stepmill.etl.rejected import read_rejected
from stepmill.etl.typed import TypedBlock, apply_plan
from stepmill.etl.unknown_columns import refuse_unknown
from stepmill.etl.zeros import LostZeros
from stepmill.gateways.blobs import BlobLocation

if TYPE_CHECKING:
    from stepmill.etl.encode import CopyEncoder

_Blocks = Callable[[BlockStart | None], Iterator[RawBlock]]


@dataclass(frozen=True)
class FillOrder:
    """What is to be filled and by which plan; plain data.

    ``expected_rows`` and ``stored_bytes`` say how much there is, where that is known.

    ``load_id_column`` is sent with each row, and ``ordinal_column``, if named, with the row's place in the source.
    The source may lack the columns ``missing``. If the order ``refuses_unknown``, rows are rejected that have a value
    in a column that the plan does not know.
    """

    own: AttemptConnection
    target: TargetTable
    plan: dict[str, Any]
    limit: RejectLimit
    expected_rows: int | None
    stored_bytes: int | None
    load_id_column: str
    ordinal_column: str | None
    missing: tuple[str, ...] = ()
    refuses_unknown: bool = False


def fill_from_file(
    report: Reporter, order: FillOrder, location: BlobLocation, source: dict[str, Any]
) -> dict[str, Any]:
    """Fill the target from a file that is read as ``source`` says."""
    plan = TransformPlan.model_validate(order.plan)
    form = SourceFormat.model_validate(source)
    return _fill(report, order, plan, lambda start: read_blocks(location, form, start))


def fill_from_rejects(report: Reporter, order: FillOrder, load_id: str) -> dict[str, Any]:
    """Fill the target from what the load ``load_id`` rejected."""
    plan = TransformPlan.model_validate(order.plan)
    return _fill(report, order, plan, lambda start: read_rejected(order.own, load_id, plan.source_columns, start))


def _fill(report: Reporter, order: FillOrder, plan: TransformPlan, blocks: _Blocks) -> dict[str, Any]:
    # Arrow is loaded in compute children alone: api and worker processes import this module and stay small.
    from stepmill.etl.encode import CopyEncoder

    compiled = compile_plan(plan)
    hidden = [order.load_id_column, *([order.ordinal_column] if order.ordinal_column else [])]
    nulled: Counter[str] = Counter()
    zeros: dict[str, LostZeros] = {}
    mended = MendedCount()

    def make_batches(resume_at: dict[str, Any] | None) -> Iterator[Batch]:
        with closing(made_ahead(blocks(BlockStart.from_json(resume_at) if resume_at else None))) as ready:
            for block in ready:
                if order.refuses_unknown:
                    block = refuse_unknown(block, plan.source.columns)
                typed = apply_plan(compiled, block, may_lack=order.missing)
                mended.add(block.mended)
                nulled.update(typed.nulled)
                for column, lost in typed.lost_zeros.items():
                    zeros[column] = zeros[column] + lost if column in zeros else lost
                yield _batch(order, CopyEncoder(plan, hidden), block, typed)

    counts = fill_target(
        report,
        order.own,
        order.target,
        CopyEncoder(plan, hidden).column_names,
        make_batches,
        order.limit,
        expected_rows=order.expected_rows,
        stored_bytes=order.stored_bytes,
    )
    _tell(report, mended, nulled, zeros)
    return asdict(counts)


def _tell(report: Reporter, mended: MendedCount, nulled: Mapping[str, int], zeros: Mapping[str, LostZeros]) -> None:
    for told in mended:
        report.log("warning", told.message, code="rows_mended")
    for column, count in sorted(nulled.items()):
        report.log("warning", f"{count} values of {column} did not fit and are null, as the plan asks.", column=column)
    for column, lost in sorted(zeros.items()):
        report.log(
            "warning",
            f"{column} is a number by the plan, so {lost.count} values lost zeros in front, the first of them "
            f"{lost.text!r} in line {lost.line}. If they are codes, make the column text in the plan and load again.",
            column=column,
        )


def _batch(order: FillOrder, encoder: "CopyEncoder", block: RawBlock, typed: TypedBlock) -> Batch:
    hidden: dict[str, int | pl.Series] = {order.load_id_column: order.target.load_number}
    if order.ordinal_column is not None:
        hidden[order.ordinal_column] = typed.ordinals
    counts = Counts(block.records, typed.frame.height, len(typed.rejects), typed.filtered)
    encoder.header()  # it is sent once for all batches of a COPY, as is the trailer
    data = [*encoder.encode(typed.frame, hidden), encoder.trailer()[: -len(TRAILER)]]
    return Batch(data, counts, typed.rejects, block.bytes_read, block.next.as_json())
