"""Headers of several rows, and words above a table that are padded to its width."""

import pytest

from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect, detect_further

ROWS = "".join(f"{n},item {n},{n / 4},2024-01-{n + 10}\n" for n in range(1, 10))
NAMES = "id,item,weight,sold\n"


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ("order,order,goods,order\n", ["order id", "order item", "goods weight", "order sold"]),
        ("order,,goods,\n", ["order id", "item", "goods weight", "sold"]),
        ("a,b,c,d\norder,order,goods,order\n", ["a order id", "b order item", "c goods weight", "d order sold"]),
    ],
)
def test_groups_above_names_are_joined_with_them(above: str, expected: list[str]) -> None:
    detected = detect(above + NAMES + ROWS)
    assert (detected.source.header_rows, list(detected.source.columns)) == (above.count("\n") + 1, expected)
    assert detected.header == tuple(expected)
    block = next(iter(read_blocks(LOCATION, detected.source)))
    assert block.frame.row(0) == ("1", "item 1", "0.25", "2024-01-11")
    assert (block.frame.height, block.lines[0], block.rejects) == (9, above.count("\n") + 2, [])


def test_units_below_names_are_joined_with_them() -> None:
    detected = detect("id,item,weight,sold\n(no),(text),(kg),(UTC)\n" + ROWS)
    assert list(detected.source.columns) == ["id (no)", "item (text)", "weight (kg)", "sold (UTC)"]


@pytest.mark.parametrize(
    "data",
    [
        NAMES + ROWS,
        "name,city\nAnna,Paris\nBen,Rome\nCem,Bonn\nDora,Graz\nEva,Linz\nFin,Oslo\nGus,Prag\nHal,Wien\n",
        NAMES + "n/a,item,n/a,2024-01-01\n" + ROWS,
        NAMES + "1,item,unknown,2024-01-01\n" + ROWS,
        "a,b\nx,y\n1,2\n",
    ],
)
def test_rows_of_data_are_no_names(data: str) -> None:
    assert detect(data).source.header_rows == 1


@pytest.mark.parametrize("above", ["Report,,,\n", "Report,,,\nDate,2024-03-01,,\n,,,\n"])
def test_words_that_are_padded_to_the_tables_width_are_no_header(above: str) -> None:
    detected = detect(above + NAMES + ROWS)
    assert (detected.source.preamble_rows, list(detected.source.columns)) == (
        above.count("\n"),
        ["id", "item", "weight", "sold"],
    )


def test_rows_with_gaps_of_their_own_are_rows() -> None:
    detected = detect("id,item,weight,sold\n1,,,\n2,,,\n3,x,1.5,2024-01-01\n4,,,\n")
    assert (detected.source.preamble_rows, detected.source.header_rows) == (0, 1)


def test_a_further_file_is_read_by_a_plan_whose_header_has_several_rows() -> None:
    planned = detect("order,order,goods,order\n" + NAMES + ROWS).source
    further = detect_further("order,order,goods,order\n" + NAMES + ROWS[:60], planned, ["goods weight"])
    assert (further.source.header_rows, further.source.columns) == (2, planned.columns)
