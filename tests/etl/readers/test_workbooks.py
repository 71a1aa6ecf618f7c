"""Workbooks: which sheet is read and where its table begins, its cells as text, and those that can't be read."""

import datetime
import gzip
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.detect import Detected
from stepmill.etl.readers.first_lines import first_lines
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import detect, detect_further, warnings_of
from tests.etl.readers.test_archives import tarred, zipped
from tests.support.workbooks import OLD_EXCEL, Rows, document_row, excel, open_document, saved

ORDERS: Rows = [
    ("id", "placed", "amount"),
    (1, datetime.date(2024, 1, 31), 9.5),
    (2, datetime.date(2024, 2, 29), 12),
]
READ = [("1", "2024-01-31", "9.5"), ("2", "2024-02-29", "12")]
DOCUMENT = open_document(
    {
        "orders": document_row("id", "placed", "amount")
        + document_row(1, "2024-01-31", 9.5)
        + document_row(2, "2024-02-29", 12)
    }
)


def blocks_of(found: Detected) -> list[RawBlock]:
    return list(read_blocks(found.text, found.source))


def rows_of(found: Detected) -> list[tuple[Any, ...]]:
    return [row for block in blocks_of(found) for row in block.frame.rows()]


def refusal(data: bytes, name: str = "data.xlsx") -> DataError:
    with pytest.raises(DataError) as caught:
        detect(data, name)
    return caught.value


@pytest.mark.parametrize(
    ("name", "data", "sheet"),
    [
        ("data.xlsx", excel({"orders": ORDERS}), "orders"),
        ("data.xls", OLD_EXCEL, "orders"),
        ("data.ods", DOCUMENT, "orders"),
        ("data.xlsx.gz", gzip.compress(excel({"orders": ORDERS})), "orders"),
        ("data.zip", zipped({"notes.txt": b"see below", "data.xlsx": excel({"orders": ORDERS})}), "orders"),
        ("data.tar", tarred({"data.ods": DOCUMENT}), "orders"),
    ],
)
def test_the_same_table_from_each_kind_of_workbook(name: str, data: bytes, sheet: str) -> None:
    found = detect(data, name)

    assert (found.source.format, found.source.sheet, found.header) == ("excel", sheet, ("id", "placed", "amount"))
    assert rows_of(found) == READ
    assert "other_format" not in warnings_of(found)


def test_a_workbook_that_is_called_otherwise_is_told_by_its_content() -> None:
    found = detect(excel({"orders": ORDERS}), "orders.csv")

    assert rows_of(found) == READ
    assert "other_format" in warnings_of(found)
    assert warnings_of(detect("id,name\n1,x\n", "orders.xlsx")) == ["other_format"]


def test_every_kind_of_cell_as_text() -> None:
    cells = {
        "7": 7,
        "-0.1": -0.1,
        "1234567890123450": 1234567890123450,
        "1e+300": 1e300,
        "007": "007",
        " kept ": " kept ",
        'a "word", and more': 'a "word", and more',
        "first\nsecond\nthird": "first\r\nsecond\nthird",
        "true": True,
        "2024-02-29": datetime.date(2024, 2, 29),
        "2024-02-29T13:14:15.250000": datetime.datetime(2024, 2, 29, 13, 14, 15, 250000),
        "13:14:15": datetime.time(13, 14, 15),
        "30:00:01": datetime.timedelta(hours=30, seconds=1),
    }
    found = detect(excel({"x": [[f"c{n}" for n in range(len(cells))], [*cells.values()]]}))

    assert rows_of(found) == [tuple(cells)]


def test_a_formula_is_its_value_and_text_that_looks_like_one_stays() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (("id", "said"), (1, "x"), (2, "x")):
        sheet.append(row)
    sheet["B2"].value, sheet["B2"].data_type = "=cmd|' /C calc'!A0", "s"

    assert rows_of(detect(saved(book))) == [("1", "=cmd|' /C calc'!A0"), ("2", "x")]


def test_the_first_visible_sheet_with_a_table_is_read_and_the_others_are_named() -> None:
    sheets = {"Cover": [("Orders of 2024",)], "secret": ORDERS, "2024": ORDERS, "2023": ORDERS, "empty": []}
    found = detect(excel(sheets, hidden=["secret"]))

    assert found.source.sheet == "2024"
    (warning,) = [finding for finding in found.warnings if finding.code == "more_sheets"]
    assert "3 other sheets ('Cover', '2023', 'empty') and 1 hidden sheet ('secret')" in warning.message


def test_the_sheet_that_the_plan_names_is_read_where_there_is_one() -> None:
    planned = SourceFormat(format="excel", sheet="secret", header_rows=1, columns=("id", "placed", "amount"))
    sheets = {"orders": [("id", "amount"), (3, 1)], "secret": ORDERS}
    found = detect_further(excel(sheets, hidden=["secret"]), planned, ["id"])

    assert (found.source.sheet, rows_of(found)) == ("secret", READ)
    assert warnings_of(found) == ["more_sheets"]

    found = detect_further(excel({"orders": ORDERS}), planned, ["id"])
    assert (found.source.sheet, rows_of(found)) == ("orders", READ)
    (warning,) = [finding for finding in found.warnings if finding.code == "differs_from_plan"]
    assert "sheet orders and not secret" in warning.message


def test_a_workbook_and_a_csv_file_go_by_one_plan() -> None:
    columns = ("id", "placed", "amount")
    planned = SourceFormat(format="csv", delimiter=";", quote='"', header_rows=1, columns=columns)
    found = detect_further(excel({"x": ORDERS}), planned, [*columns])
    assert rows_of(found) == READ

    planned = SourceFormat(format="excel", sheet="x", header_rows=1, columns=columns)
    found = detect_further("placed;amount;id\n2024-01-31;9.5;1\n", planned, [*columns])
    assert rows_of(found) == [("2024-01-31", "9.5", "1")]
    assert "differs_from_plan" in warnings_of(found)


def test_titles_above_a_table_empty_rows_and_the_place_of_each_row() -> None:
    rows: Rows = [("Orders of 2024",), ("printed", "2025-01-02"), (), *ORDERS[:2], (), ("x\ny", None, 1), *ORDERS[2:]]
    found = detect(excel({"x": rows}))

    assert (found.source.preamble_rows, found.source.header_rows) == (3, 1)
    (block,) = blocks_of(found)
    assert block.frame.rows() == [READ[0], ("x\ny", "", "1"), READ[1]]
    assert block.lines.to_list() == [5, 7, 8]
    lines = first_lines(found.text, found.source, 3)
    assert [(line.line, line.kind) for line in lines[2:]] == [
        (3, "preamble"),
        (4, "header"),
        (5, "record"),
        (6, "blank"),
        (7, "record"),
    ]
    assert lines[6].text == "x y,,1"


def test_merged_cells_count_for_each_cell_they_cover_but_titles_do_not() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    rows = [
        ("Report of all orders",),
        ("Order", None, "Person", None),
        ("id", "city", "name", "age"),
        (1, "Ulm", "Ann", 33),
        (2, None, "Bob", 44),
        *((n, "Bonn", "Eve", n) for n in range(3, 20)),
    ]
    for row in rows:
        sheet.append(row)
    for cells in ("A1:D1", "A2:B2", "C2:D2", "B4:B5"):
        sheet.merge_cells(cells)
    found = detect(saved(book))

    assert (found.source.preamble_rows, found.source.header_rows) == (1, 2)
    assert found.header == ("Order id", "Order city", "Person name", "Person age")
    assert rows_of(found)[:2] == [("1", "Ulm", "Ann", "33"), ("2", "Ulm", "Bob", "44")]


def test_a_table_in_the_middle_of_a_sheet() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row, cells in enumerate(ORDERS, 7):
        for column, cell in enumerate(cells, 4):
            sheet.cell(row, column).value = cell
    found = detect(saved(book))

    (block,) = blocks_of(found)
    assert (block.frame.rows(), block.lines.to_list()) == (READ, [8, 9])


def test_years_from_1904_are_the_same_days() -> None:
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    for row in ORDERS:
        book.worksheets[0].append(list(row))

    assert rows_of(detect(saved(book))) == READ
    assert rows_of(detect(OLD_EXCEL)) == READ


def test_a_large_sheet_is_read_in_blocks_from_anywhere() -> None:
    texts = [(n, f"line {n}\nof {n}") for n in range(2_000)]
    found = detect(excel({"x": [("id", "text"), *texts]}))
    blocks = list(read_blocks(found.text, found.source, block_bytes=4_096))

    assert len(blocks) > 5
    assert [row for block in blocks for row in block.frame.rows()] == [(str(n), text) for n, text in texts]
    again = list(read_blocks(found.text, found.source, blocks[3].next, block_bytes=4_096))
    assert again[0].frame.rows() == blocks[4].frame.rows()


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=20)
CELLS = {
    "number": st.integers(-(10**15), 10**15).map(lambda number: number / 1_000),  # openpyxl writes 16 digits
    "word": st.builds("{}\n{}".format, WORDS, WORDS).map(str.strip).filter(lambda text: not text.startswith("=")),
    "day": st.dates(datetime.date(1901, 1, 1), datetime.date(9999, 1, 1)),
    "truth": st.booleans(),
}


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(*CELLS.values()), min_size=2, max_size=20))
def test_what_goes_in_comes_out(rows: list[tuple[float, str, datetime.date, bool]]) -> None:
    found = detect(excel({"x": [tuple(CELLS), *rows]}))

    assert found.header == tuple(CELLS)
    assert [
        (float(number), word, datetime.date.fromisoformat(day), truth == "true")
        for number, word, day, truth in rows_of(found)
    ] == [(number, re.sub(r"\r\n|\r", "\n", word), day, truth) for number, word, day, truth in rows]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (excel({"a": [], "b": []}), "empty_file"),
        (excel({"x": ORDERS})[:-200], "truncated_file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), "not_a_table"),
        (zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}), "not_a_table"),
        (zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"no XML"}), "damaged_file"),
        (zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": bytes(100_000_000)}), "compression_bomb"),
    ],
)
def test_what_can_not_be_read_is_told(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_a_sheet_without_end_is_refused_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPMILL_COMPUTE_MEMORY_BYTES", str(256 * 1024**2))
    sparse = openpyxl.Workbook()
    sparse.worksheets[0]["A1"] = "from here"
    sparse.worksheets[0]["XFD1048576"] = "to there"
    repeated = open_document({"x": document_row(*range(50), repeated=1_000_000)})

    for data in (saved(sparse), repeated):
        refused = refusal(data)
        assert refused.code == "workbook_too_large"
        assert "256 MiB" in refused.message


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    detect(excel({"x": ORDERS}))
    refusal(excel({"x": []}))

    assert list(tmp_path.iterdir()) == []
