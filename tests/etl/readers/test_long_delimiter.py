"""Delimiters of several characters, and spaces behind delimiters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.first_lines import first_lines
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect, store

DELIMITERS = ("::", "||", "<>", "|~|", "=>", "\t\t", ";;", "&&&", "#|#|")


def lines_in(delimiter: str) -> str:
    rows = [["id", "name", "price"], *([str(n), f"item {n}", f"{n}.5"] for n in range(1, 8))]
    return "".join(delimiter.join(row) + "\n" for row in rows)


def rows_of(source: SourceFormat, block_bytes: int = 4_000_000) -> list[tuple[object, ...]]:
    return [row for block in read_blocks(LOCATION, source, block_bytes=block_bytes) for row in block.frame.iter_rows()]


@pytest.mark.parametrize("delimiter", [each for each in DELIMITERS if len(each) < 4])
def test_it_is_found_without_being_told(delimiter: str) -> None:
    detected = detect(lines_in(delimiter))
    assert (detected.source.delimiter, detected.source.columns) == (delimiter, ("id", "name", "price"))
    assert rows_of(detected.source)[0] == ("1", "item 1", "1.5")
    assert detected.warnings == ()


@pytest.mark.parametrize(
    ("data", "delimiter"),
    [
        ("id,,name\n1,,a\n2,,b\n3,,c\n", ","),
        ("link;size\nhttp://a.example/1;1\nhttp://a.example/2;2\nhttp://a.example/3;3\n", ";"),
        ("at,level\n2024-01-01 10:00::00,1\n2024-01-01 11:00::00,2\n", ","),
    ],
)
def test_signs_within_fields_are_none(data: str, delimiter: str) -> None:
    assert detect(data).source.delimiter == delimiter


def test_quoted_it_is_data_and_rejects_show_it() -> None:
    detected = detect(lines_in("||") + '8||"a||b"||2\n9||too||many||fields\n')
    blocks = list(read_blocks(LOCATION, detected.source))
    assert blocks[0].frame.row(7) == ("8", "a||b", "2")
    assert [(reject.line, reject.raw, reject.record) for reject in blocks[0].rejects] == [
        (10, "9||too||many||fields", '"9||too||many||fields"')
    ]
    assert first_lines(LOCATION, detected.source, 1)[1].text == "1||item 1||1.5"


@given(
    st.sampled_from(DELIMITERS),
    st.lists(st.tuples(*[st.text('ab:|<>~=;&#\t"\n é', max_size=9)] * 3), min_size=1, max_size=40),
    st.integers(64, 300),
    st.sampled_from(["utf-8", "utf-16-le"]),
)
@settings(max_examples=150, deadline=None)
def test_rows_come_back_whatever_they_hold_and_from_wherever_reading_begins(
    delimiter: str, rows: list[tuple[str, str, str]], block_bytes: int, encoding: str
) -> None:
    text = "".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)
    store(text, encoding)
    source = SourceFormat(format="csv", encoding=encoding, delimiter=delimiter, quote='"', columns=("a", "b", "c"))
    blocks = list(read_blocks(LOCATION, source, block_bytes=block_bytes))
    assert [row for block in blocks for row in block.frame.iter_rows()] == rows
    for block in blocks:
        again = [
            row for part in read_blocks(LOCATION, source, block.start, block.next) for row in part.frame.iter_rows()
        ]
        assert again == list(block.frame.iter_rows())
    assert blocks[-1].next.offset == len(text.encode(encoding))


def test_the_character_that_stands_in_for_it_is_refused_by_name() -> None:
    store("a||b\n1||x\x1ey\n", "utf-8")
    source = SourceFormat(format="csv", delimiter="||", header_rows=1, columns=("a", "b"))
    with pytest.raises(DataError) as refused:
        rows_of(source)
    assert refused.value.code == "unusable_character"


@pytest.mark.parametrize("wrong", ["", "123456789", "a\nb", "ä|", '|"'])
def test_what_can_be_none_is_refused_in_a_plan(wrong: str) -> None:
    with pytest.raises(ValueError, match="delimiter"):
        SourceFormat(format="csv", delimiter=wrong, quote='"', columns=("a",))


def test_spaces_behind_each_delimiter_are_no_part_of_fields() -> None:
    detected = detect('id, name, note\n1, Anna, x\n2, Ben, "a, b"\n3, Cem,\n')
    assert (detected.source.delimiter, detected.source.trim_fields) == (",", True)
    assert (detected.header, detected.source.columns) == (("id", "name", "note"),) * 2
    assert rows_of(detected.source) == [("1", "Anna", "x"), ("2", "Ben", "a, b"), ("3", "Cem", "")]


def test_a_few_spaces_are_what_the_fields_hold() -> None:
    detected = detect("id,name\n1, Anna\n2,Ben\n3,Cem\n4,Dora\n")
    assert not detected.source.trim_fields
    assert rows_of(detected.source)[0] == ("1", " Anna")
