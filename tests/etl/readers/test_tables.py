"""Tables under one another: the first is read, the second named and read by choice; what only looks like one is not."""

import pytest

from stepmill.etl.readers.detect import Detected
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import detect, detect_further, warnings_of
from tests.support.workbooks import excel

ORDERS = "id,placed,amount\n" + "".join(f"{n},2024-01-{n:02},{n}.50\n" for n in range(1, 13))
CITIES = "city,inhabitants\nUlm,126949\nBonn,338396\nJena,111191\n"
STOCK = "item,counted,price\nbolt,2024-03-01,0.20\nnut,2024-03-02,0.10\n"


def rows_of(found: Detected) -> list[tuple[str, ...]]:
    return [row for block in read_blocks(found.text, found.source) for row in block.frame.rows()]


@pytest.mark.parametrize("above", ["", "Report of 2024\n\n", "Report of 2024\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_first_table_is_read_and_the_second_named(above: str, encoding: str) -> None:
    found = detect(f"{above}{ORDERS}\n{CITIES}", encoding=encoding)

    assert found.header == ("id", "placed", "amount")
    assert len(rows_of(found)) == 12
    assert found.source.last_line == above.count("\n") + 14
    (warning,) = [each for each in found.warnings if each.code == "more_tables"]
    assert f"begins in line {above.count(chr(10)) + 15}." in warning.message
    assert not [reject for block in read_blocks(found.text, found.source) for reject in block.rejects]


def test_the_second_is_read_by_choice_and_all_of_it_as_one() -> None:
    text = f"{ORDERS}\n{CITIES}"
    found = detect(text)
    other = found.source.model_copy(update={"preamble_rows": 14, "columns": ("city", "inhabitants")})
    assert rows_of(detect_further(text, other, ["city"]))[0] == ("Ulm", "126949")

    everything = found.source.model_copy(update={"first_table_only": False})
    blocks = list(read_blocks(found.text, detect_further(text, everything, ["id"]).source))
    assert sum(block.records for block in blocks) == 16


def test_a_further_file_has_its_own_end_of_the_table() -> None:
    planned = detect(f"{ORDERS}\n{CITIES}").source
    longer = ORDERS + "13,2024-02-01,1.00\n"
    found = detect_further(f"{longer}\n{CITIES}", planned, ["id"])
    assert (len(rows_of(found)), found.source.last_line) == (13, 15)
    assert warnings_of(found) == ["more_tables"]
    assert len(rows_of(detect_further(longer, planned, ["id"]))) == 13


@pytest.mark.parametrize("rows", [8_000, pytest.param(40_000, id="more than is looked at")])
def test_the_second_of_a_large_file_is_found_up_to_a_megabyte(rows: int) -> None:
    orders = ORDERS + "".join(f"{n},2024-02-01,1.00\n" for n in range(13, rows))
    text = f"{orders}\n{CITIES}"
    found, is_seen = detect(text), len(text) < 1024 * 1024
    assert found.source.last_line == (rows + 1 if is_seen else None)
    assert len(rows_of(found)) == rows - 1
    again = detect_further(text, detect(ORDERS).source, ["id"])
    assert again.source.last_line == found.source.last_line
    assert ("more_tables" in warnings_of(again)) is is_seen


def test_quotes_with_nothing_in_them_make_a_line_blank() -> None:
    planned = detect(f"{ORDERS}\n{CITIES}").source.model_copy(update={"quote": '"'})
    longer = ORDERS + "".join(f"{n},2024-02-01,1.00\n" for n in range(13, 60))
    found = detect_further(f'{longer}""\n{CITIES}', planned, ["id"])
    assert (len(rows_of(found)), warnings_of(found)) == (59, ["more_tables"])


def test_a_table_that_was_chosen_ends_where_the_one_below_it_begins() -> None:
    text = f"{ORDERS}\n{STOCK}3,2024-03-03,0.30\n\n{CITIES}"
    stock = {"preamble_rows": 14, "columns": ("item", "counted", "price")}
    found = detect_further(text, detect(text).source.model_copy(update=stock), ["item"])
    assert [row[0] for row in rows_of(found)] == ["bolt", "nut", "3"]
    assert warnings_of(found) == ["more_tables"]


def test_a_further_sheet_has_its_own_end_too() -> None:
    sheet = [line.split(",") for line in f"{ORDERS}\n{CITIES}".splitlines()]
    found = detect_further(excel({"Both": sheet}), detect(excel({"Both": sheet})).source, ["id"])
    assert len(rows_of(found)) == 12
    assert warnings_of(found) == ["more_tables"]


def test_a_second_table_of_as_many_columns_is_told_by_its_header() -> None:
    found = detect(f"{ORDERS}\n{STOCK}")
    assert (len(rows_of(found)), warnings_of(found)) == (12, ["more_tables"])


@pytest.mark.parametrize(
    "text",
    [
        ORDERS.replace("6,2024", "\n6,2024"),
        f"{ORDERS}\n{ORDERS}",
        f"{ORDERS}\nSource: ERP\nPrinted, 2024-05-01\n",
        f"{ORDERS}\nsum,,78.00\n",
        f"{ORDERS}\n13,2024-01-13\n14,2024-01-14,1,2\n",
        f"Station,Berlin\nHeight,34\n\n{ORDERS}",
        f"name,value\nstation,Berlin\n\n{ORDERS}",
    ],
    ids=["blank lines", "header again", "footnotes", "a sum", "broken rows", "metadata", "metadata with a header"],
)
def test_what_only_looks_like_a_second_table(text: str) -> None:
    found = detect(text)
    assert "more_tables" not in warnings_of(found)
    assert found.header == ("id", "placed", "amount")
    assert found.source.last_line is None


def test_two_tables_in_a_sheet() -> None:
    orders = [line.split(",") for line in ORDERS.splitlines()]
    cities = [line.split(",") for line in CITIES.splitlines()]
    found = detect(excel({"x": [*orders, [], *cities]}))
    assert (len(rows_of(found)), found.source.last_line) == (12, 14)


STORES = "store,mon,tue,wed\n" + "".join(f"Store {n},{n},{n + 1},{n + 2}\n" for n in range(1, 40))
MORE = "".join(f"Store {n},{n},{n + 1},{n + 2}\n" for n in range(41, 80))


@pytest.mark.parametrize(
    "row",
    [
        pytest.param("Store 40,closed,closed,closed", id="one word"),
        pytest.param("S40,n/a,n/a,n/a", id="no value"),
        pytest.param("Main,shut,open,unknown", id="no value among words"),
        pytest.param("Store 40,shut,open,late", id="like those above"),
        pytest.param("Total,all,all,all", id="a total"),
        pytest.param("STORE,Mon, tue ,WED", id="the header in another spelling"),
        pytest.param("store,mon,tue,wed", id="the header again"),
    ],
)
@pytest.mark.parametrize("gap", ["\n", ",,,\n"])
def test_words_below_a_gap_are_rows_of_the_table(row: str, gap: str) -> None:
    text = f"{STORES}{gap}{row}\n{MORE}"
    found = detect(text)
    assert (found.source.last_line, "more_tables" in warnings_of(found)) == (None, False)
    assert sum(block.records for block in read_blocks(found.text, found.source)) == 79 + (gap != "\n")


@pytest.mark.parametrize("gap", [",,\n", ",,\n,,\n", "\n,,\n", '"","",""\n'])
def test_a_line_with_nothing_in_its_fields_parts_tables(gap: str) -> None:
    cities = CITIES.replace("\n", ",\n")
    text = f"{ORDERS}{gap}{cities}"
    found = detect(text)
    assert (len(rows_of(found)), found.source.last_line) == (12, 13 + gap.startswith("\n"))
    (warning,) = [each for each in found.warnings if each.code == "more_tables"]
    line = 14 + gap.count("\n")
    assert f"begins in line {line}. " in warning.message
    assert f"to {line - 1}." in warning.message
    again = detect_further(text, detect(ORDERS).source, ["id"])
    assert (len(rows_of(again)), again.source.last_line) == (12, found.source.last_line)
    chosen = found.source.model_copy(update={"preamble_rows": line - 1, "columns": ("city", "inhabitants")})
    assert rows_of(detect_further(text, chosen, ["city"]))[0][:2] == ("Ulm", "126949")
