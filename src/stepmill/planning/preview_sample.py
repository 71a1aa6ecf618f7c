"""The beginning of a file as a preview looks at it: read once, held in memory, and so with a limit on both."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace

import polars as pl

from stepmill.etl.ahead import made_ahead
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.profile import SourceProfile
from stepmill.etl.profile.source import SourceWatch, block_bytes_for
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation

SAMPLE_RECORDS = 100_000
_SAMPLE_CELLS = 5_000_000
_SAMPLE_CHARACTERS = 128 * 1024**2


@dataclass(frozen=True)
class Sample:
    """The first records of a source, and what all of their values say."""

    blocks: list[RawBlock]
    profile: SourceProfile

    @property
    def records(self) -> int:
        """How many records were looked at, rejects included."""
        return self.profile.rows + self.profile.rejects


def take_sample(location: BlobLocation, source: SourceFormat) -> Sample:
    """The first 100,000 records, or fewer of a file with many columns or large values.

    Raises DataError as ``read_blocks`` does.
    """
    watch = SourceWatch(source.columns)
    blocks: list[RawBlock] = []
    cells = characters = 0
    found = made_ahead(read_blocks(location, source, block_bytes=block_bytes_for(len(source.columns))))
    with closing(found), ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        for whole in found:
            room = max(1, (_SAMPLE_CELLS - cells) // max(1, whole.frame.width))
            block = _cut(whole, min(room, SAMPLE_RECORDS - watch.records))
            watch.look(block, pool)
            blocks.append(block)
            cells += block.frame.height * block.frame.width
            characters += int(block.frame.estimated_size()) + sum(len(reject.record) for reject in block.rejects)
            is_cut = block.records < whole.records
            if is_cut or watch.records >= SAMPLE_RECORDS or characters >= _SAMPLE_CHARACTERS:
                break
    return Sample(blocks, watch.profile())


def _cut(block: RawBlock, records: int) -> RawBlock:
    """The first records of a block."""
    if block.records <= records:
        return block
    lines = sorted([*block.lines.head(records).to_list(), *(reject.line for reject in block.rejects)])[:records]
    rejects = [reject for reject in block.rejects if reject.line <= lines[-1]]
    rows = records - len(rejects)
    return replace(block, frame=block.frame.head(rows), lines=block.lines.head(rows), rejects=rejects)
