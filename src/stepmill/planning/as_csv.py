"""A file as it was read, as plain CSV: what a reader made of it, for people and programs to compare with the file."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import IO

import polars as pl

from stepmill.etl.ahead import made_ahead
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.detect import Detected
from stepmill.etl.readers.read import read_blocks


def write_as_csv(detected: Detected, target: IO[bytes]) -> int:
    """Write the header as it stands in the file, if there is one, and each row that was not rejected.

    Values are the texts of the file; UTF-8, commas, double quotes where they are needed, LF. Returns the number of
    rows. Raises DataError as ``read_blocks`` does.
    """
    names = detected.source.columns or tuple(_names(detected))
    header = detected.header if detected.source.has_fixed_columns else names
    if header:
        target.write(_line(header))
    rows = 0
    for block in _blocks(detected):
        frame = block.frame
        frame = frame.select(
            pl.col(name) if name in frame.columns else pl.lit(None, pl.String).alias(name) for name in names
        )
        frame.write_csv(target, include_header=False)
        rows += frame.height
    return rows


def _names(detected: Detected) -> dict[str, None]:
    """The fields of JSON records, in the order in which they first come."""
    return {name: None for block in _blocks(detected) for name in block.frame.columns}


def _blocks(detected: Detected) -> Iterator[RawBlock]:
    with closing(made_ahead(read_blocks(detected.text, detected.source))) as blocks:
        yield from blocks


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")
