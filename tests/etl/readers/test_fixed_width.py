"""Fields by their places: found without being told, and cut alike wherever a block ends."""

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.detect_csv import CsvFound, detect_csv
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation
from tests.etl.readers.detecting import detect, detect_further

LOCATION = BlobLocation("memory://fixed")
REPORT = """\
Report of orders
Printed 2024-03-01

ID    NAME            AMOUNT  ORDERED
1     Smith, John      12.50  2024-01-01 10:00
22    Miller         1034.00  2024-01-02 11:30
333   Ó Brien            0.1  2024-01-03 09:12
4     A B C               7   2024-01-04 10:10
5     Lee             123.45  2024-01-05 10:11
6     Wu               99.00  2024-01-06 10:12

6 rows selected.
"""


def found_in(text: str) -> CsvFound:
    return detect_csv([text], whole=text)


def read(text: str, source: SourceFormat, block_bytes: int = 1 << 20) -> tuple[list[tuple[str, ...]], list[int]]:
    """The rows, and the lines of those that are rejected for being out of place."""
    fsspec.filesystem("memory").pipe("/fixed", text.encode(source.encoding))
    blocks = list(read_blocks(LOCATION, source, block_bytes=block_bytes))
    rejects = [reject for block in blocks for reject in block.rejects]
    assert {reject.code for reject in rejects} <= {"out_of_place"}
    return [row for block in blocks for row in block.frame.rows()], [reject.line for reject in rejects]


def test_a_report_with_words_around_it() -> None:
    found = found_in(REPORT)
    assert found.header == ("ID", "NAME", "AMOUNT", "ORDERED")
    assert (found.source.starts, found.source.preamble_rows, found.source.header_rows) == ((0, 6, 21, 30), 3, 1)
    assert "Split at the places where fields begin" in " ".join(each.message for each in found.evidence)
    rows, rejected = read(REPORT, found.source)
    assert len(rows) == 6
    assert rows[:2] == [
        ("1", "Smith, John", "12.50", "2024-01-01 10:00"),
        ("22", "Miller", "1034.00", "2024-01-02 11:30"),
    ]
    assert rejected == [12]


def test_numbers_at_the_right_below_a_name_at_the_left() -> None:
    text = "name        qty\n" + "".join(f"{name:<9}{qty:>7}\n" for name, qty in [("bolts", 1200), ("nuts", 7)] * 3)
    found = found_in(text)
    assert found.header == ("name", "qty")
    assert read(text, found.source)[0] == [("bolts", "1200"), ("nuts", "7")] * 3


@pytest.mark.parametrize(
    "text",
    [
        "id,   name,        price\n1,    Smith,       12.50\n22,   Miller,      1034.00\n333,  Lee,         1\n",
        "id   | name      | price\n1    | Smith     | 12.50\n22   | Miller    | 1034.00\n333  | Lee       | 0.1\n",
        "This is a text about things and nothing else.  It has lines.\nThey are of all kinds of words,  some with two\n"
        "spaces after a full stop.  Nobody would take\nthat for a table.  And so it goes on.  Until it ends.\nHere.\n",
        "a b c\n1 2 3\n4 5 6\n7 8 9\n1 5 9\n",
    ],
)
def test_what_is_none(text: str) -> None:
    assert found_in(text).source.starts == ()


_CELLS = st.text(st.sampled_from("abc ü1.-"), max_size=6).map(str.strip)


@given(
    st.lists(st.tuples(_CELLS, _CELLS, _CELLS), min_size=1, max_size=30),
    st.sampled_from([1, 2, 5]),
    st.integers(30, 200),
)
def test_rows_are_the_same_in_blocks_of_any_size(rows: list[tuple[str, ...]], gap: int, block_bytes: int) -> None:
    widths = [max(len(row[at]) for row in rows) + gap for at in range(3)]
    text = "".join("".join(map(str.ljust, row, widths)).rstrip() + "\r\n" for row in rows)
    starts = (0, widths[0], widths[0] + widths[1])
    source = SourceFormat(format="csv", starts=starts, columns=("a", "b", "c"))
    assert read(text, source, block_bytes)[0] == [row for row in rows if any(row)]


def test_lines_that_are_out_of_place_are_rejected_and_counted() -> None:
    lines = [f"{number:<6}name {number:<8}{number / 4:>8}\n" for number in range(1_000)]
    lines[500] = "a line that goes through all of it\n"
    lines[501] = "   \n"
    source = SourceFormat(format="csv", starts=(0, 6, 19), columns=("a", "b", "c"))
    for block_bytes in (200, 5_000, 1 << 20):
        rows, rejected = read("".join(lines), source, block_bytes)
        assert rejected == [501]
        assert [row[0] for row in rows] == [str(number) for number in range(1_000) if number not in (500, 501)]


def test_fields_may_stand_next_to_each_other() -> None:
    source = SourceFormat(format="csv", starts=(0, 4, 12), spaced=False, columns=("id", "day", "cents"))
    assert read("000120240131   7\n00022024020112345\n0003\n", source) == (
        [("0001", "20240131", "7"), ("0002", "20240201", "12345"), ("0003", "", "")],
        [],
    )


def test_a_further_file_has_its_fields_where_it_has_them() -> None:
    planned = detect(REPORT).source
    lines = REPORT.splitlines(keepends=True)
    wider = "".join(lines[:3] + [f"{line[:6]}     {line[6:]}" for line in lines[3:10]])
    for further in (REPORT, wider):
        found = detect_further(further, planned, ["ID", "AMOUNT"]).source
        assert found.starts == detect(further).source.starts
    few = "".join(lines[:6])  # too few lines to tell
    assert detect_further(few, planned, ["ID", "AMOUNT"]).source.starts == planned.starts


@pytest.mark.parametrize(
    "wrong",
    [
        {"delimiter": ","},
        {"quote": '"'},
        {"starts": (0, 6)},
        {"starts": (0, 6, 6)},
        {"starts": (6, 0, 9)},
        {"format": "excel"},
        {"trailing_delimiter": True},
    ],
)
def test_what_a_plan_may_not_say(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SourceFormat.model_validate({"format": "csv", "starts": (0, 6, 19), "columns": ("a", "b", "c"), **wrong})
