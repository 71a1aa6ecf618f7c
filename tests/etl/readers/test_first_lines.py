"""The first lines of a file as people see them, each with what it is."""

import gzip

import fsspec
from hypothesis import given
from hypothesis import strategies as st

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.first_lines import Line, first_lines
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect


def kinds(data: str | bytes, count: int = 20) -> list[tuple[str, str]]:
    return [(line.kind, line.text) for line in lines(data, count)]


def lines(data: str | bytes, count: int = 20) -> list[Line]:
    found = first_lines(LOCATION, detect(data).source, count)
    assert [line.line for line in found] == list(range(1, len(found) + 1))
    return found


def test_each_line_of_a_csv_says_what_it_is() -> None:
    data = (
        'Report of März\r\n\r\nid;name;note\r\n# a comment\r\n1;"a\r\n\r\n# of the record\r\nb";x\r\n\r\n   \r\n'
        '2;"open;y\r\n3;"c"d;z\r\n4;d;e\r\n5;e;f\r\n6;f;g\r\n'
    )
    expected = [
        ("preamble", "Report of März"),
        ("preamble", ""),
        ("header", "id;name;note"),
        ("comment", "# a comment"),
        ("record", '1;"a'),
        ("record", ""),
        ("record", "# of the record"),
        ("record", 'b";x'),
        ("blank", ""),
        ("blank", "   "),
        ("record", '2;"open;y'),
        ("record", '3;"c"d;z'),
        ("record", "4;d;e"),
    ]
    for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        assert kinds(data.encode(encoding))[:13] == expected, encoding
    assert kinds(gzip.compress(data.encode()), 4) == expected[:7]  # two lines of preamble, the header, and four


def test_a_header_of_several_lines_and_other_line_ends() -> None:
    assert kinds('a,"b\nc",d\n1,2,3\n4,5,6\n')[:3] == [("header", 'a,"b'), ("header", 'c",d'), ("record", "1,2,3")]
    assert kinds("a,b\r1,2\r3,4") == [("header", "a,b"), ("record", "1,2"), ("record", "3,4")]
    assert kinds("sep=;\na;b\n1;2\n") == [("preamble", "sep=;"), ("header", "a;b"), ("record", "1;2")]


def test_json_is_shown_as_it_stands() -> None:
    assert kinds('{"a": 1}\r\n\r\n{"a": 2}') == [("record", '{"a": 1}'), ("blank", ""), ("record", '{"a": 2}')]
    assert kinds('[\n  {"a": 1},\n  {"a": 2}\n]\n', 2) == [("record", "["), ("record", '  {"a": 1},')]


def test_long_lines_are_cut() -> None:
    table = "a,b\n" + "".join(f"{number},{'ü' * 600}\n" for number in range(5))
    assert [(line.truncated, len(line.text)) for line in lines(table)] == [(False, 3), *[(True, 500)] * 5]
    assert [(line.truncated, len(line.text)) for line in lines("a,b\n1," + "x" * 498 + "\n2,3\n")][1] == (False, 500)
    endless = '[{"a": "' + "x" * 600_000 + '"}]'
    assert [(line.truncated, len(line.text), line.kind) for line in lines(endless)] == [(True, 500, "record")]


def test_no_more_is_read_than_is_shown() -> None:
    rows = "".join(f"{number},{'x' * 5_000}\n" for number in range(1_000))
    found = lines("a,b\n" + rows, 500)
    assert 50 < len(found) < 200  # what half a megabyte holds
    assert found[-1].truncated


@given(
    st.lists(st.sampled_from(['"', '""', ";", "a", "\n", "\r\n", "\r", "#", " ", "\\", "b;c"]), max_size=40),
    st.booleans(),
)
def test_what_the_reader_takes_for_a_record_is_shown_as_one(pieces: list[str], has_escape: bool) -> None:
    source = SourceFormat(
        format="csv",
        delimiter=";",
        quote='"',
        escape="\\" if has_escape else None,
        comment="#",
        preamble_rows=1,
        header_rows=1,
        columns=("x", "y"),
        mend_rows=False,
    )
    fsspec.filesystem("memory").pipe("/detecting", ("title\nx;y\n" + "".join(pieces)).encode())
    begins = {2}  # the header
    for block in read_blocks(LOCATION, source):
        begins |= {*block.lines.to_list(), *(reject.line for reject in block.rejects)}
    found = first_lines(LOCATION, source, 100)
    assert [line.kind for line in found[:2]] == ["preamble", "header"]
    first_of_run = {line.line for line in found if line.kind in ("header", "record")}
    assert begins <= first_of_run
    for line in found:
        if line.kind in ("blank", "comment"):
            assert line.line not in begins
            assert line.text.startswith("#") if line.kind == "comment" else not line.text.strip()
