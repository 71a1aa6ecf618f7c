"""The CSV reader against one that reads by hand, and against Python's csv module; cut into blocks everywhere."""

import csv
import io
from itertools import pairwise

import fsspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import BlockStart, RawBlock
from stepmill.etl.readers.limits import RECORD_BYTES
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation
from tests.etl.readers.csv_by_hand import Expected, read_by_hand

LOCATION = BlobLocation("memory://properties.csv")
THREE = ("a", "b", "c")
PLAIN = SourceFormat(mend_rows=False, format="csv", delimiter=",", quote='"', columns=THREE)
SPACED = SourceFormat(mend_rows=False, format="csv", delimiter=",", quote='"', skip_initial_space=True, columns=THREE)
SOURCES = st.sampled_from(
    [
        PLAIN,
        SourceFormat(mend_rows=False, format="csv", delimiter=",", quote='"', columns=("a",)),
        SourceFormat(mend_rows=False, format="csv", delimiter=None, quote='"', columns=("a",)),
        SourceFormat(mend_rows=False, format="csv", delimiter=",", quote=None, columns=THREE),
        SourceFormat(mend_rows=False, format="csv", delimiter=",", quote='"', escape="\\", columns=THREE),
        SourceFormat(mend_rows=False, format="csv", delimiter=",", quote=None, escape="\\", columns=THREE),
        SourceFormat(mend_rows=False, format="csv", delimiter=",", quote='"', comment="#", columns=THREE),
        SourceFormat(mend_rows=False, format="csv", delimiter=",", quote='"', trailing_delimiter=True, columns=THREE),
        SourceFormat(mend_rows=False, format="csv", delimiter=",", quote='"', encoding="cp1252", columns=THREE),
        SPACED,
        SPACED.model_copy(update={"columns": ("a",)}),
        SPACED.model_copy(update={"delimiter": None, "columns": ("a",)}),
        SPACED.model_copy(update={"quote": None, "escape": "\\"}),
        SPACED.model_copy(update={"escape": "\\"}),
        SPACED.model_copy(update={"comment": "#"}),
        SPACED.model_copy(update={"trailing_delimiter": True}),
    ]
)
PIECES = [
    b"a",
    b"bc",
    b",",
    b",,",
    b'"',
    b'""',
    b'"",',
    b',"x',
    b'"\n',
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"\t",
    b'" ',
    b"\\",
    b"#",
    b"\x00",
]
PIECES += [
    "é".encode(),
    b"\xe9",
    b"\x81",
    b"1,2,3\n",
    b'1,"x,y",3\r\n',
    b'1,"x\ny",3\n',
    b'"a""b",,\n',
    b"\n\n",
    b"1,2,3,\n",
    b", ",
    b', "',
    b'1, "x,  y",  3\n',
    b"1, 2, \n",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
SIZES = st.integers(64, 160)


def read(data: bytes, source: SourceFormat, *, block_bytes: int, record_bytes: int = RECORD_BYTES) -> list[RawBlock]:
    fsspec.filesystem("memory").pipe("/properties.csv", data)
    return list(read_blocks(LOCATION, source, block_bytes=block_bytes, record_bytes=record_bytes))


def outcome(blocks: list[RawBlock]) -> Expected:
    """The blocks as the reader by hand gives them."""
    found = Expected()
    for block in blocks:
        assert block.lines.len() == block.frame.height
        assert block.next.record == block.start.record + block.records
        found.rows += zip(block.lines.to_list(), block.frame.rows(), strict=True)
        found.rejects += [(reject.line, reject.code) for reject in block.rejects]
    assert all(first.next == second.start for first, second in pairwise(blocks))
    return found


@settings(max_examples=400, deadline=None)
@given(TEXTS, SOURCES, SIZES, st.sampled_from([24, 40, 1000]))
@example(b'a,b,"c\nd,e,f\n' * 8, PLAIN, 64, 40)
@example(b'a"b,"c\n' * 20, PLAIN, 64, 40)
@example(b'1,2,3\n4,"5,6\n7,8,9\n', PLAIN, 64, 1000)
@example(b'a\r"', PLAIN, 64, 24)
@example(b'1, "2",3\n, "5,6\n7,8,9\n', SPACED, 64, 1000)
@example(b"   \n1, 2,  3\n  1,2,3\n" * 8, SPACED, 64, 1000)
@example(b"1,2,3\r" * 30, PLAIN, 64, 24)
@example(b"1,2,3\n4,5\n6,7,8,", PLAIN, 64, 24)
def test_reads_what_a_reader_by_hand_reads(data: bytes, source: SourceFormat, size: int, limit: int) -> None:
    blocks = read(data, source, block_bytes=size, record_bytes=limit)

    assert outcome(blocks) == read_by_hand(data, source, limit)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, b"  "]), max_size=40).map(b"".join), SIZES)
def test_quotes_behind_spaces_enclose_as_for_the_csv_module(data: bytes, size: int) -> None:
    """It leaves out the spaces before other fields as well."""
    source = SPACED.model_copy(update={"encoding": "cp1252"})
    text = io.StringIO(data.replace(b"\x81", b"").decode("cp1252"), newline="")
    lines = csv.reader(text, skipinitialspace=True)

    found = outcome(read(text.getvalue().encode("cp1252"), source, block_bytes=size))

    if all(code not in ("unclosed_quote", "stray_quote") for _, code in found.rejects):
        expected = [[cell.lstrip(" ") for cell in row] for row in lines if len(row) == 3]
        assert [[cell.lstrip(" ") for cell in row] for _, row in found.rows] == expected


@settings(max_examples=150, deadline=None)
@given(TEXTS, SOURCES, SIZES, st.data())
def test_reading_can_be_taken_up_at_any_block(
    data: bytes, source: SourceFormat, size: int, draw: st.DataObject
) -> None:
    blocks = read(data, source, block_bytes=size, record_bytes=40)
    if not blocks:
        return
    first = draw.draw(st.integers(0, len(blocks) - 1))
    last = draw.draw(st.integers(first, len(blocks) - 1))
    start, stop = blocks[first].start, blocks[last].next

    again = list(read_blocks(LOCATION, source, start, stop, block_bytes=1000, record_bytes=40))

    assert outcome(again) == outcome(blocks[first : last + 1])
    assert BlockStart.from_json(start.as_json()) == start


VALUES = st.text(st.sampled_from("ab ,;\"'\n\r\té\x00"), max_size=6)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(VALUES, min_size=3, max_size=3), max_size=12),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(['"', "'"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "cp1252"]),
    SIZES,
)
def test_reads_what_the_csv_module_writes(
    rows: list[list[str]],
    delimiter: str,
    quote: str,
    line_end: str,
    quoting: int,
    backslash: bool,
    encoding: str,
    size: int,
) -> None:
    if quoting == csv.QUOTE_MINIMAL:
        line_end = "\r\n"  # the module quotes only the characters of its own line end
    text = io.StringIO()
    options = {"escapechar": "\\", "doublequote": False} if backslash else {}
    writer = csv.writer(text, delimiter=delimiter, quotechar=quote, lineterminator=line_end, quoting=quoting, **options)  # type: ignore[arg-type]
    writer.writerow(THREE)
    writer.writerows(rows)
    source = SourceFormat(
        format="csv",
        delimiter=delimiter,
        quote=quote,
        escape="\\" if backslash else None,
        encoding=encoding,
        header_rows=1,
        columns=THREE,
    )

    blocks = read(text.getvalue().encode(encoding), source, block_bytes=size)

    assert [list(row) for _, row in outcome(blocks).rows] == rows
    assert outcome(blocks).rejects == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(VALUES, min_size=1, max_size=5), max_size=10), SIZES)
def test_ragged_rows_are_rejected_with_their_line(rows: list[list[str]], size: int) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)

    found = outcome(read(text.getvalue().encode(), PLAIN, block_bytes=size))

    lines = csv.reader(io.StringIO(text.getvalue(), newline=""))
    assert [list(row) for _, row in found.rows] == [row for row in lines if len(row) == 3]
    assert len(found.rows) + len(found.rejects) == len([row for row in rows if row and not is_blank(row)])


def is_blank(row: list[str]) -> bool:
    return len(row) == 1 and row[0] != "" and not row[0].strip() and not set(row[0]) & set('"\n\r')
