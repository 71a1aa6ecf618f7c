"""Whether quotes enclose fields or are data, in files too small for mere counting to tell."""

import pytest

from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect

Rows = list[tuple[str, ...]]

ENCLOSING: list[tuple[str, str, tuple[str, ...], Rows]] = [
    ("a comma in a name", 'id,"a,b"\n1,2\n3,4\n', ("id", "a,b"), [("1", "2"), ("3", "4")]),
    ("over one row", 'id,"a,b"\n1,2\n', ("id", "a,b"), [("1", "2")]),
    ("in single quotes", "id,'a,b'\n1,2\n3,4\n", ("id", "a,b"), [("1", "2"), ("3", "4")]),
    ("in all names", "'a, b','c, d'\n1,2\n3,4\n", ("a, b", "c, d"), [("1", "2"), ("3", "4")]),
    (
        "in two names of four",
        'Year,"Emissions, total","Population, total",Land\n2000,0.5,2,DE\n2001,1.5,4,FR\n',
        ("Year", "Emissions, total", "Population, total", "Land"),
        [("2000", "0.5", "2", "DE"), ("2001", "1.5", "4", "FR")],
    ),
    ("above words", 'id,"last, first"\n1,Ann\n2,Bob\n', ("id", "last, first"), [("1", "Ann"), ("2", "Bob")]),
    (
        "one column of letters",
        '"note"\n"Dear Bob, hello\nYours, Al"\n"Dear Eve, hi\nBye, Al"\n',
        ("note",),
        [("Dear Bob, hello\nYours, Al",), ("Dear Eve, hi\nBye, Al",)],
    ),
    (
        "in single quotes too",
        "'note'\n'Dear Bob, hello\nYours, Al'\n'Dear Eve, hi\nBye, Al'\n",
        ("note",),
        [("Dear Bob, hello\nYours, Al",), ("Dear Eve, hi\nBye, Al",)],
    ),
    (
        "one column, one comma in each line",
        '"x0"\n"line 0, x\nline 1, x"\n"line 0, x"\n"line 0, x"\n',
        ("x0",),
        [("line 0, x\nline 1, x",), ("line 0, x",), ("line 0, x",)],
    ),
    (
        "a quoted quote behind a comma and a space",
        'id,name,say\n1, Bob,"he said, ""hi"""\n2,Al,x\n3, Eve ,y\n',
        ("id", "name", "say"),
        [("1", " Bob", 'he said, "hi"'), ("2", "Al", "x"), ("3", " Eve ", "y")],
    ),
    (
        "spaces before quotes, and before other text",
        'id,name\n1, "Li, Bo"\n2,Al\n3,  Eve \n',
        ("id", "name"),
        [("1", "Li, Bo"), ("2", "Al"), ("3", "  Eve ")],
    ),
]
DATA: list[tuple[str, str, Rows]] = [
    ("inches", 'id,size\n1,5" pipe\n2,7" pipe\n', [("1", '5" pipe'), ("2", '7" pipe')]),
    (
        "lines of a play",
        'id\tline\n1\t"Well, she said\n2\t"Oh" he said\n3\t"Hm, no\n4\tok\n5\t"go"\n',
        [("1", '"Well, she said'), ("2", '"Oh" he said'), ("3", '"Hm, no'), ("4", "ok"), ("5", '"go"')],
    ),
    ("apostrophes", "id,t\n1,'tis\n2,'twas so\n3,x\n", [("1", "'tis"), ("2", "'twas so"), ("3", "x")]),
    (
        "apostrophes that seem to enclose",
        "id,a,b\n1,'Til,Rockin'\n2,x,y\n3,z,u\n",
        [("1", "'Til", "Rockin'"), ("2", "x", "y"), ("3", "z", "u")],
    ),
]
BROKEN: list[tuple[str, list[int]]] = [
    ('a,b\n1,"x\n2,y\n3,z\n', [2]),
    ('id,v\n"1,a\n2,b\n3,c\n4,d\n', [2]),
    ('id,v\n1,a\n2,b\n"3,x\n7,g\n', [4]),
    ('id,v\n1,"2\n2,3\n', [2]),
    ('id,v\n1,"2\n', [2]),
    ('id;v\n1;"a\n2;b\n3;"c\n4;d\n', [2, 4]),
    ('v\n"a\nb\n', [2]),
]


def rows_of(data: str) -> Rows:
    return [row for block in read_blocks(LOCATION, detect(data).source) for row in block.frame.rows()]


@pytest.mark.parametrize(("data", "columns", "rows"), [case[1:] for case in ENCLOSING], ids=[c[0] for c in ENCLOSING])
def test_quotes_that_stand_where_they_may_enclose(data: str, columns: tuple[str, ...], rows: Rows) -> None:
    assert detect(data).source.columns == columns
    assert rows_of(data) == rows


@pytest.mark.parametrize("count", range(1, 20))
def test_a_comma_in_a_name_is_part_of_it_over_any_number_of_rows(count: int) -> None:
    rows = [(str(2000 + number), f"{number}.5") for number in range(count)]
    data = 'Year,"Emissions, total"\n' + "".join(f"{year},{value}\n" for year, value in rows)

    assert rows_of(data) == rows


@pytest.mark.parametrize(("data", "rows"), [case[1:] for case in DATA], ids=[case[0] for case in DATA])
def test_quotes_that_enclose_nothing_are_data(data: str, rows: Rows) -> None:
    assert rows_of(data) == rows


@pytest.mark.parametrize(("data", "lines"), BROKEN)
def test_a_quote_that_is_not_closed_costs_its_line_in_the_smallest_file(data: str, lines: list[int]) -> None:
    source = detect(data).source
    rejects = [reject for block in read_blocks(LOCATION, source) for reject in block.rejects]

    assert source.quote == '"'
    assert [reject.line for reject in rejects] == lines
    assert rejects[-1].code == "unclosed_quote"
    assert len(rows_of(data)) == data.count("\n") - 1 - len(lines)


def test_a_quote_is_no_separator() -> None:
    assert detect('sep="\na,b\n1,2\n3,4\n').source.delimiter == ","


def test_one_column_with_a_unit_separator_is_read() -> None:
    assert detect("name\nAnn\x1fx\nBob\nCy\n").source.columns == ("name",)
