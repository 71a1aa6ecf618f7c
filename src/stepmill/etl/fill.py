"""What a compute child runs to fill a target: from a file, or from what an earlier load rejected."""

from dataclasses import asdict
from typing import Any

from stepmill.engine.context import Reporter
from stepmill.etl.batches import Batches, Blocks, FillOrder
from stepmill.etl.held import hold
from stepmill.etl.load import fill_target
from stepmill.etl.plan.compile import compiled_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.read import read_blocks
from stepmill.etl.rejected import read_rejected
from stepmill.gateways.blobs import BlobLocation


def fill_from_file(
    report: Reporter, order: FillOrder, location: BlobLocation, source: dict[str, Any]
) -> dict[str, Any]:
    """Fill the target from a file that is read as ``source`` says."""
    form = SourceFormat.model_validate(source)
    return _fill(report, order, lambda start: read_blocks(location, form, start))


def fill_from_rejects(report: Reporter, order: FillOrder, load_id: str) -> dict[str, Any]:
    """Fill the target from what the load ``load_id`` rejected."""
    columns = compiled_plan(order.plan).source_columns
    return _fill(report, order, lambda start: read_rejected(order.own, load_id, columns, start))


def hold_from_file(
    report: Reporter, order: FillOrder, location: BlobLocation, source: dict[str, Any]
) -> dict[str, Any] | None:
    """The rows of a small file as :class:`HeldRows` in JSON, which ``fill_from_file`` would send; None if it is not.

    It has no chunks, as it is read at one go.
    """
    form = SourceFormat.model_validate(source)
    batches = Batches(order, lambda start: read_blocks(location, form, start))
    held = hold(batches.columns, batches.made(), order.limit, order.expected_rows)
    if held is None:
        return None
    batches.tell(report)
    return held.as_json()


def _fill(report: Reporter, order: FillOrder, blocks: Blocks) -> dict[str, Any]:
    batches = Batches(order, blocks)
    counts = fill_target(
        report,
        order.own,
        order.target,
        batches.columns,
        batches.made_in_a_thread,
        order.limit,
        expected_rows=order.expected_rows,
        stored_bytes=order.stored_bytes,
    )
    batches.tell(report)
    return asdict(counts)
