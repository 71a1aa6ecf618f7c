"""The beginning of a source, for previews and for looking at its values."""

from contextlib import closing

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation

SAMPLE_BLOCK_BYTES = 256 * 1024


def read_sample(
    location: BlobLocation, source: SourceFormat, rows: int, *, block_bytes: int = SAMPLE_BLOCK_BYTES
) -> list[RawBlock]:
    """The first blocks, as many as have ``rows`` records, rejects included; all there are if the source has fewer.

    Raises DataError as ``read_blocks`` does.
    """
    blocks: list[RawBlock] = []
    count = 0
    with closing(read_blocks(location, source, block_bytes=block_bytes)) as found:
        while count < rows and (block := next(found, None)) is not None:
            blocks.append(block)
            count += block.records
    return blocks
