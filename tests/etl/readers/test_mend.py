"""Rows whose fields have lost their places: put right where the values say so, rejected otherwise."""

import json
import random
import tempfile
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import BlockStart, RawBlock
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation
from tests.etl.readers.detecting import detect

HEADER = "id,customer,remark,price,ordered"
GOOD = [f"{100 + n},Ann B{n % 7},paid late,{n}.50,2024-05-{n % 28 + 1:02d}" for n in range(40)]


def blocks_of(
    line: str | list[str], *, source: SourceFormat | None = None, block_bytes: int = 64 * 1024
) -> list[RawBlock]:
    lines = [line] if isinstance(line, str) else line
    data = "\n".join([HEADER, *GOOD[:25], *lines, *GOOD[25:]]) + "\n"
    return blocks_in(data, source or detect(data).source, block_bytes=block_bytes)


def blocks_in(
    data: str, source: SourceFormat, start: BlockStart | None = None, *, block_bytes: int = 64 * 1024
) -> list[RawBlock]:
    with tempfile.NamedTemporaryFile() as file:  # which is opened twice; one in memory is not
        file.write(data.encode())
        file.flush()
        with closing(
            read_blocks(BlobLocation(f"file://{file.name}"), source, start, block_bytes=block_bytes)
        ) as blocks:
            return list(blocks)


def read(line: str, source: SourceFormat | None = None) -> tuple[tuple[str, ...] | None, str]:
    """The row that the line makes, if it does, and in what way or why not."""
    (block,) = blocks_of(line, source=source)
    for mended in block.mended:
        assert (mended.line, mended.raw) == (27, line)
        return block.frame.row(block.lines.to_list().index(27)), mended.way
    (reject,) = block.rejects
    assert reject.line == 27
    return None, reject.code


@pytest.mark.parametrize(
    ("line", "row", "code"),
    [
        ("7,Zoë,new,9.50", "7|Zoë|new|9.50|", "missing_fields"),
        ("7,Zoë", "7|Zoë|||", "missing_fields"),
        ("7,Zoë,new,2024-05-09", "7|Zoë|new||2024-05-09", "missing_fields"),
        ("Zoë,new,9.50,2024-05-09", "|Zoë|new|9.50|2024-05-09", "missing_fields"),
        ("7,Zoë,new,9.50,2024-05-09,,", "7|Zoë|new|9.50|2024-05-09", "surplus_fields"),
        ("7,Zoë,new, and old,9.50,2024-05-09", "7|Zoë|new, and old|9.50|2024-05-09", "unquoted_delimiter"),
        ("7;Zoë;new;9.50;2024-05-09", "7|Zoë|new|9.50|2024-05-09", "other_delimiter"),
        ('7,Zoë,"new,9.50,2024-05-09', '7|Zoë|"new|9.50|2024-05-09', "stray_quote"),
        ('7,Zoë,"new "and" old",9.50,2024-05-09', '7|Zoë|new "and" old|9.50|2024-05-09', "stray_quote"),
        ('7,Zoë,"new, "and" old",9.50,2024-05-09', '7|Zoë|new, "and" old|9.50|2024-05-09', "stray_quote"),
    ],
)
def test_a_row_is_put_right_where_its_values_say_how(line: str, row: str, code: str) -> None:
    assert read(line) == (tuple(row.split("|")), code)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("a word", "too_few_fields"),  # a note between rows
        ("7,8,9,10,11,12,13", "too_many_fields"),
        ("7,Zoë,9.50,2024-05-09", "too_few_fields"),  # the customer is missing, or the remark
        ("Total,,,1234.50", "too_few_fields"),
        ("7,Zoë,old,new,bad,12", "too_many_fields"),
        ('7,"Zoë,new', "unclosed_quote"),
    ],
)
def test_a_row_whose_values_do_not_say_how_is_rejected(line: str, code: str) -> None:
    assert read(line) == (None, code)


def test_where_two_columns_look_alike_it_is_not_plain_which_delimiter_is_too_many() -> None:
    assert read("7,Zoë,and Ann,new,9.50,2024-05-09") == (None, "too_many_fields")


def test_a_plan_may_ask_for_rejects_instead() -> None:
    source = detect("\n".join([HEADER, *GOOD])).source.model_copy(update={"mend_rows": False})
    assert read("7,Zoë,new,9.50", source=source) == (None, "too_few_fields")
    assert read('7,Zoë,"new,9.50,2024-05-09', source=source) == (None, "unclosed_quote")


def test_a_file_of_few_rows_says_nothing_of_its_columns() -> None:
    data = "\n".join([HEADER, *GOOD[:10], "7,Zoë,new,9.50"])
    (block,) = blocks_in(data, detect(data).source)
    assert (block.frame.height, [reject.code for reject in block.rejects]) == (10, ["too_few_fields"])


BAD = [
    "7,Zoë,new,9.50",
    "7;Zoë;new;9.50;2024-05-09",
    "note",
    '8,Zoë,"new,9.50,2024-05-09',
    "7,Zoë,a, b,9.50,2024-05-09",
]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(BAD), max_size=8), st.integers(500, 4_000))
def test_the_outcome_does_not_depend_on_where_blocks_begin(lines: list[str], block_bytes: int) -> None:
    whole = blocks_of(lines)
    parts = blocks_of(lines, block_bytes=block_bytes)

    def told(blocks: list[RawBlock]) -> list[str]:
        rows = [[line, *row] for block in blocks for line, row in zip(block.lines, block.frame.rows(), strict=True)]
        rejects = [[reject.line, reject.code] for block in blocks for reject in block.rejects]
        return sorted(json.dumps(each) for each in [*rows, *rejects])

    assert told(parts) == told(whole)
    assert sum(block.records for block in whole) == len(GOOD) + len(lines)
    data = "\n".join([HEADER, *GOOD[:25], *lines, *GOOD[25:]]) + "\n"
    source = detect(data).source
    for index, block in enumerate(parts[:-1]):  # taken up anywhere, too
        assert told(blocks_in(data, source, block.next, block_bytes=block_bytes)) == told(parts[index + 1 :])


def test_many_rows_are_put_right_in_order() -> None:
    shuffled = random.Random(5)
    lines = [f"{n},Zoë,new,{n}.50" if shuffled.random() < 0.5 else GOOD[n % 40] for n in range(2_000)]
    (block,) = blocks_of(lines)
    assert block.frame.height == len(GOOD) + len(lines)
    assert block.lines.is_sorted()
    assert [row.way for row in block.mended] == ["missing_fields"] * sum("Zoë" in line for line in lines)
