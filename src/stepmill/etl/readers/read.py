"""Reads a source as blocks of rows, from its beginning or from where any earlier block ended."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import BlockStart, RawBlock
from stepmill.etl.readers.columnar import read_columnar
from stepmill.etl.readers.csv import CsvReader, csv_marks
from stepmill.etl.readers.csv_records import CsvMarks, find_lines
from stepmill.etl.readers.csv_walk import LineWalk
from stepmill.etl.readers.json_array import JsonArrayReader
from stepmill.etl.readers.json_lines import JsonLinesReader
from stepmill.etl.readers.json_start import begins_with_array, skip_to_elements
from stepmill.etl.readers.limits import BLOCK_BYTES, RECORD_BYTES
from stepmill.etl.readers.members import read_members
from stepmill.etl.readers.mend import Mender
from stepmill.etl.readers.quoting import LineGrammar
from stepmill.etl.readers.text_form import text_form
from stepmill.etl.readers.window import Window, open_window
from stepmill.etl.readers.workbook import with_line_ends
from stepmill.gateways.blobs import BlobLocation

_SHAPE_BYTES = 256 * 1024
_SHAPE_ROWS = 1_000
_FIRST_LOOK_BYTES = 64 * 1024
"""Of a header; walking through a whole block for it would take as long as reading several."""


def read_blocks(
    location: BlobLocation,
    source: SourceFormat,
    start: BlockStart | None = None,
    stop: BlockStart | None = None,
    *,
    block_bytes: int = BLOCK_BYTES,
    record_bytes: int = RECORD_BYTES,
) -> Generator[RawBlock, None, None]:
    """The records of a source, in order, each once: as a row of a frame or as a reject.

    ``start`` and ``stop`` are the ``next`` of any two blocks of the same source; without them reading goes from the
    first record to the last. Memory depends on ``block_bytes`` and ``record_bytes``, not on the source. Raises
    DataError where the file as a whole can't be read further. Of a workbook, ``location`` is where its text is.
    """
    if source.members:
        sizes = {"block_bytes": block_bytes, "record_bytes": record_bytes}
        yield from _without_gaps(
            read_members(source, start, stop, lambda one, begin, end: read_blocks(location, one, begin, end, **sizes))
        )
        return
    if source.format in ("parquet", "arrow"):
        yield from read_columnar(location, source, start, stop, block_bytes)
        return
    is_sheet, source = source.format == "excel", text_form(source)
    if stop is None and source.last_line is not None:
        stop = _behind(location, source, source.last_line)
    is_array = source.format == "json" and begins_with_array(location, source)
    with open_window(location, source, start, stop, block_bytes) as window:
        if start is None and source.format == "csv":
            _skip_to_records(window, source, record_bytes)
        elif start is None and is_array:
            skip_to_elements(window, source)
        if source.format == "csv":
            mender = _mender(location, source) if source.mend_rows and not source.starts else None
            blocks = CsvReader(source, record_bytes=record_bytes, mender=mender).blocks(window)
        elif source.format == "jsonl":
            blocks = JsonLinesReader(source, record_bytes=record_bytes).blocks(window)
        else:
            reader = JsonArrayReader(source, is_array=is_array, is_all=stop is None, record_bytes=record_bytes)
            blocks = reader.blocks(window)
        blocks = _without_gaps(blocks)
        yield from map(with_line_ends, blocks) if is_sheet else blocks


def _behind(location: BlobLocation, source: SourceFormat, line: int) -> BlockStart:
    """Where the next line begins."""
    with open_window(location, source, None, None, BLOCK_BYTES) as window:
        for _ in range(line):
            window.skip_line()
            window.fill()
        return window.place


def _mender(location: BlobLocation, source: SourceFormat) -> Mender:
    """Wherever reading begins, the file's first rows are looked at: so the outcome is the same."""

    def first_rows() -> list[tuple[str, ...]]:
        plain = source.model_copy(update={"mend_rows": False})
        with closing(read_blocks(location, plain, block_bytes=_SHAPE_BYTES)) as blocks:
            first = next(blocks, None)
        return first.frame.head(_SHAPE_ROWS).rows() if first is not None else []

    return Mender(csv_marks(source), len(source.columns), first_rows)


def _without_gaps(blocks: Iterator[RawBlock]) -> Iterator[RawBlock]:
    """The same blocks, each beginning where the one before it ends: blank lines between them belong to the later."""
    previous: BlockStart | None = None
    for block in blocks:
        yield block if previous in (None, block.start) else replace(block, start=previous)
        previous = block.next


def _skip_to_records(window: Window, source: SourceFormat, record_bytes: int) -> None:
    """Go on behind preamble and header."""
    for _ in range(source.preamble_rows):
        window.skip_line()
        window.fill()
    if source.header_rows:
        _skip_records(window, source, record_bytes)


def _plain_records(text: bytes, count: int, marks: CsvMarks) -> int | None:
    """How long the first records of a text are, if each is a line and nothing in it needs a second look.

    That of a header is of this kind nearly always, and found a hundred times as fast as by the walk over records.
    """
    special = [mark.encode() for mark in (marks.quote, marks.escape) if mark]
    end = 0
    for _ in range(count):
        begin, end = end, text.find(b"\n", end) + 1
        line = text[begin:end].removesuffix(b"\r\n").removesuffix(b"\n")
        is_comment = marks.comment is not None and line.startswith(marks.comment.encode())
        if is_comment or not line.strip() or b"\r" in line or any(mark in line for mark in special):
            return None
    return end


def _skip_records(window: Window, source: SourceFormat, record_bytes: int) -> None:
    marks = csv_marks(source)
    plain = _plain_records(bytes(window.view[:_FIRST_LOOK_BYTES]), source.header_rows, marks)
    if plain is not None:
        window.take(plain, lines=source.header_rows, records=0)
        return
    grammar = LineGrammar(marks.delimiter, marks.quote, marks.escape, skip_initial_space=marks.skip_initial_space)
    count = source.header_rows
    look = _FIRST_LOOK_BYTES
    while True:
        text = bytes(window.view[:look])
        is_all = len(text) == len(window.view)
        lines = find_lines(text, at_end=window.at_end and is_all)
        records = LineWalk(lines, marks, grammar, record_bytes, max_faults=count + 1).records()
        begins = [*zip(records.offsets.to_list(), records.lines.to_list(), strict=True)]
        begins = sorted([*begins[: count + 1], *((fault.begin, fault.line) for fault in records.faults)])
        if len(begins) > count:  # what comes next may be broken, and is to be rejected
            window.take(begins[count][0], lines=begins[count][1], records=0)
            return
        if not is_all:
            look *= 8
            continue
        if window.at_end or len(window.view) > 2 * record_bytes:
            window.take(records.consumed, lines=records.line_count, records=0)
            return
        window.fill(2 * window.size)
