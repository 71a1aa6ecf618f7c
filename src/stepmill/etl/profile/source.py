"""One pass over a source that looks at every value of every column."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import polars as pl

from stepmill.etl.ahead import made_ahead
from stepmill.etl.plan.base import MAX_COLUMNS
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.profile.column import ColumnWatch
from stepmill.etl.profile.count import ColumnCount
from stepmill.etl.profile.model import SourceProfile
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.limits import BLOCK_BYTES
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation

_USUAL_WIDTH = 100
_MOST_BLOCKS_AT_ONCE = 6


def profile_source(
    location: BlobLocation,
    source: SourceFormat,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    max_records: int | None = None,
) -> SourceProfile:
    """The profile of a source, read from its beginning to its end, or to the block that completes ``max_records``.

    ``on_progress`` is told, block by block, how many records and how many bytes of the stored file were read. Memory
    depends on the number of columns, not of rows. Raises DataError as ``read_blocks`` does.
    """
    watch = SourceWatch(source.columns)
    blocks_read = read_blocks(location, source, block_bytes=block_bytes_for(len(source.columns)))
    with closing(made_ahead(blocks_read)) as blocks, ThreadPoolExecutor(_threads()) as pool:
        for block in blocks:
            watch.look(block, pool)
            if on_progress is not None:
                on_progress(watch.records, watch.bytes_read)
            if max_records is not None and watch.records >= max_records:
                break
    return watch.profile()


class SourceWatch:
    """Everything that is to be known of a source, gathered block by block."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns: dict[str, ColumnWatch | ColumnCount] = {}
        self._rows = 0
        self._add(columns)
        self._rejects = 0
        self.bytes_read = 0

    @property
    def records(self) -> int:
        """How many records were seen."""
        return self._rows + self._rejects

    def look(self, block: RawBlock, pool: ThreadPoolExecutor) -> None:
        """Look at a block, several columns at once."""
        self._add(name for name in block.frame.columns if name not in self._columns)
        height = block.frame.height
        present = set(block.frame.columns)
        for name in self._columns.keys() - present:
            self._columns[name].skip(height)
        tasks = [pool.submit(self._columns[name].look, block.frame[name]) for name in present]
        for task in tasks:
            task.result()
        self._rows += height
        self._rejects += len(block.rejects)
        self.bytes_read = block.bytes_read

    def _add(self, names: Iterable[str]) -> None:
        """Further columns. Those for which a table has no room are only counted."""
        for name in names:
            kind = ColumnWatch if len(self._columns) < MAX_COLUMNS else ColumnCount
            self._columns[name] = kind(name, self._rows)

    def profile(self) -> SourceProfile:
        """What was found out."""
        columns = tuple(column.profile() for column in self._columns.values())
        return SourceProfile(self._rows, self._rejects, self.bytes_read, columns)


def block_bytes_for(width: int) -> int:
    """A look at a column of a block costs the same however few rows it has: wide sources are read in larger blocks."""
    return BLOCK_BYTES * min(_MOST_BLOCKS_AT_ONCE, 1 + width // _USUAL_WIDTH)


def _threads() -> int:
    return pl.thread_pool_size()
