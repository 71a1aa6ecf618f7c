"""What kind of CSV a file is: small files of every kind, as they come from people and programs."""

from typing import Any

import pytest

from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect, warnings_of

PEOPLE = "id,name,born\n1,Ann,1990-01-02\n2,Bob,1991-03-04\n3,Cy,1992-05-06\n"
WIDE = ",".join(f"c{number}" for number in range(1500)) + "\n" + ",".join("1" for _ in range(1500)) + "\n"

DIALECTS: list[tuple[str, str, dict[str, Any]]] = [
    ("comma", PEOPLE, {"delimiter": ",", "quote": '"', "header_rows": 1, "columns": ("id", "name", "born")}),
    ("semicolon", PEOPLE.replace(",", ";"), {"delimiter": ";", "columns": ("id", "name", "born")}),
    ("tab", PEOPLE.replace(",", "\t"), {"delimiter": "\t", "columns": ("id", "name", "born")}),
    ("pipe", PEOPLE.replace(",", "|"), {"delimiter": "|", "columns": ("id", "name", "born")}),
    ("caret", PEOPLE.replace(",", "^"), {"delimiter": "^", "columns": ("id", "name", "born")}),
    ("tilde", PEOPLE.replace(",", "~"), {"delimiter": "~", "columns": ("id", "name", "born")}),
    ("unit separator", PEOPLE.replace(",", "\x1f"), {"delimiter": "\x1f", "columns": ("id", "name", "born")}),
    ("colon", "root:x:0:/root\nbin:x:1:/bin\nann:x:1000:/home/ann\n", {"delimiter": ":", "header_rows": 0}),
    ("space", "x y z\n1.5 2.5 3.5\n4.5 5.5 6.5\n", {"delimiter": " ", "columns": ("x", "y", "z")}),
    ("CR LF", PEOPLE.replace("\n", "\r\n"), {"columns": ("id", "name", "born")}),
    ("CR", PEOPLE.replace("\n", "\r"), {"columns": ("id", "name", "born")}),
    ("no line end at the end", PEOPLE.strip(), {"columns": ("id", "name", "born")}),
    (
        "decimal comma",
        "Artikel;Preis;Menge\nA1;1,50;3\nB2;22,75;10\nC3;1.299,00;1\n",
        {"delimiter": ";", "columns": ("Artikel", "Preis", "Menge")},
    ),
    ("decimal commas alone", "a;b\n1,5;2,5\n3,25;4,75\n", {"delimiter": ";", "columns": ("a", "b")}),
    ("text full of commas", "a;b\nx, y, z;1\nu, v, w;2\n", {"delimiter": ";", "columns": ("a", "b")}),
    ("quotes", 'a,b\n"x, y",1\n"say ""no""",2\n', {"delimiter": ",", "quote": '"', "columns": ("a", "b")}),
    ("everything quoted", '"a","b"\n"x","1"\n"y","2"\n', {"quote": '"', "columns": ("a", "b")}),
    ("single quotes", "a;b\n'x; y';1\n'z';2\n", {"delimiter": ";", "quote": "'", "columns": ("a", "b")}),
    ("quoted newlines", 'id,note\n1,"first\nsecond, third"\n2,"x\n\ny"\n3,z\n', {"columns": ("id", "note")}),
    ("backslashes", 'a,b\n"say \\"no\\", ok",1\n"x",2\n', {"escape": "\\", "quote": '"', "columns": ("a", "b")}),
    ("apostrophes", "id,name\n1,O'Neill\n2,'s Gravenhage\n3,D'Arcy\n", {"quote": '"', "columns": ("id", "name")}),
    (
        "spaces before quotes",
        "a, b, c\n" + "".join(f'{number}, "x, y", "z{number}"\n' for number in range(100)),
        {"delimiter": ",", "quote": '"', "skip_initial_space": True, "columns": ("a", "b", "c")},
    ),
    (
        "spaces before some quotes",
        'a; b\n1; "x; y"\n2; z\n3; u\n',
        {"delimiter": ";", "skip_initial_space": True, "columns": ("a", "b")},
    ),
    ("spaces before single quotes", "a, b\n1, 'x, y'\n2, 'z, u'\n", {"quote": "'", "skip_initial_space": True}),
    ("spaces, and no quotes", "a, b\n1, 2\n3, 4\n", {"skip_initial_space": False, "columns": ("a", "b")}),
    ("inches", 'id,size\n1,5" pipe\n2,7" pipe\n3,9"\n', {"columns": ("id", "size")}),
    ("one column", "name\nAnn\nBob\nCy\n", {"delimiter": None, "columns": ("name",)}),
    ("one column of numbers", "value\n1\n2\n3\n", {"delimiter": None, "columns": ("value",)}),
    ("one column of decimal commas", "value\n3,14\n2,72\n1,41\n", {"delimiter": None, "columns": ("value",)}),
    (
        "one column of local numbers",
        "amount\n" + "".join(f"{number} 345,{number}\n" for number in range(10, 99)),
        {"delimiter": None, "columns": ("amount",)},
    ),
    ("one column of grouped numbers", "amount\n1,234,567\n7,654,321\n", {"delimiter": None, "columns": ("amount",)}),
    ("one column of times", "at\n12:30\n13:45\n14:00\n", {"delimiter": None, "columns": ("at",)}),
    ("one column of sentences", "text\nhello there, you\nwell\nso it is\n", {"columns": ("text",)}),
    ("wide", WIDE, {"delimiter": ",", "header_rows": 1}),
    ("empty fields", "a,b,c\n1,,\n,,3\n,2,\n", {"delimiter": ",", "columns": ("a", "b", "c")}),
    ("trailing delimiter", "a,b,\n1,2,\n3,4,\n", {"trailing_delimiter": True, "columns": ("a", "b")}),
    ("trailing delimiter in rows", "a,b\n1,2,\n3,4,\n", {"trailing_delimiter": True, "columns": ("a", "b")}),
    ("sep line", "sep=;\na;b\n1;2\n", {"delimiter": ";", "preamble_rows": 1, "columns": ("a", "b")}),
    ("sep line of a tab", "SEP=\t\r\na\tb\r\n1\t2\r\n", {"delimiter": "\t", "preamble_rows": 1, "columns": ("a", "b")}),
    (
        "preamble",
        "Report of sales\nMade on 2024-01-01\n\n" + PEOPLE,
        {"preamble_rows": 3, "header_rows": 1, "columns": ("id", "name", "born")},
    ),
    ("blank lines first", "\n\n" + PEOPLE, {"preamble_rows": 2, "columns": ("id", "name", "born")}),
    ("comments", "# made by hand\n# twice\n" + PEOPLE, {"columns": ("id", "name", "born")}),
    ("comments between", PEOPLE + "# and now\n4,Di,1993-01-01\n", {"comment": "#", "columns": ("id", "name", "born")}),
    ("comment as header", "#id,name\n1,Ann\n2,Bob\n", {"comment": None, "columns": ("#id", "name")}),
    ("comments over one column", "# made by hand\nvalue\n1\n2\n", {"columns": ("value",)}),
    (
        "no header",
        "1,Ann,1990-01-02\n2,Bob,1991-03-04\n",
        {"header_rows": 0, "columns": ("column_1", "column_2", "column_3")},
    ),
    ("only a header", "id,name,born\n", {"header_rows": 1, "columns": ("id", "name", "born")}),
    ("only a row", "1,2.5,2020-01-01\n", {"header_rows": 0, "columns": ("column_1", "column_2", "column_3")}),
    (
        "years",
        "land,2019,2020,2021\nDE,1,2,3\nFR,4,5,6\n",
        {"header_rows": 1, "columns": ("land", "2019", "2020", "2021")},
    ),
    (
        "years alone",
        "2019,2020,2021\n1.5,2.5,3.5\n4.5,5.5,6.5\n",
        {"header_rows": 1, "columns": ("2019", "2020", "2021")},
    ),
    ("words alone", "name,city\nAnn,Rome\nBob,Oslo\nCy,Paris\n", {"header_rows": 1, "columns": ("name", "city")}),
    ("row names", "a,b\nr1,1,2\nr2,3,4\n", {"header_rows": 1, "columns": ("column_1", "a", "b")}),
    ("doubled names", "a,a,b,a\n1,2,3,4\n", {"columns": ("a", "a_2", "b", "a_3")}),
    ("doubled name taken", "a,a,a_2\n1,2,3\n", {"columns": ("a", "a_3", "a_2")}),
    ("empty names", "a,,b,\n1,2,3,4\n5,6,7,8\n", {"columns": ("a", "column_2", "b", "column_4")}),
    ("quoted names", '"Unit price ","say ""x"""\n1,2\n', {"columns": ("Unit price", 'say "x"')}),
    (
        "SQL for names",
        'id,x; DROP TABLE users;--,"a""; SELECT 1"\n1,2,3\n4,5,6\n',
        {"columns": ("id", "x; DROP TABLE users;--", 'a"; SELECT 1')},
    ),
    ("NUL in a name", "a\x00b,c\n1,2\n3,4\n", {"columns": ("ab", "c")}),
    ("a few NULs", "a,b\n1,x\x00y\n2,z\n", {"columns": ("a", "b")}),
    ("like JSON", '{"a"},b\n{1},2\n', {"format": "csv"}),
]

WEATHER = "date,temp,rain\n" + "".join(f"2024-01-{day:02},{day}.5,{day}\n" for day in range(1, 21))
NARROW_FIRST: list[tuple[str, str, int, tuple[str, ...]]] = [
    (
        "unquoted addresses",
        "id,address\n"
        + "".join(f"{number},Main St {number}\n" for number in range(10))
        + "".join(f"{number},Main St {number}, Apt {number}\n" for number in range(10, 25)),
        0,
        ("id", "address"),
    ),
    (
        "one more field from some row on",
        "id,name,city\n" + "".join(f"{number},Ann,Rome\n" for number in range(20)) + "20,Bob,Oslo,x\n" * 40,
        0,
        ("id", "name", "city"),
    ),
    (
        "one more field, words alone",
        "name,city\n" + "Ann,Rome\n" * 5 + "".join(f"Bob,Oslo,x{number}\n" for number in range(60)),
        0,
        ("name", "city"),
    ),
    (
        "one more field, words that differ",
        "name,address\nAnn,A\nBob,B\n" + "".join(f"N{number},St {number}, Apt {number}\n" for number in range(30)),
        0,
        ("name", "address"),
    ),
    ("two small tables", "a,b\n1,2\n3,4\n\nx,y,z\n" + "5,6,7\n" * 9, 0, ("a", "b")),
    ("two widths", "a,b\n" + "1,2\n" * 50 + "1,2,3\n" * 60, 0, ("a", "b")),
    ("one good row", "a,b\n1,2\n3,4,\n5,6,\n", 0, ("a", "b")),
    ("two tables", "a,b\n" + "1,2\n" * 300 + "\nx,y,z\n" + "3,4,5\n" * 400, 0, ("a", "b")),
    ("wide from beyond the first sample on", "a,b\n" + "1,2\n" * 400_000 + "1,2,3\n" * 800_000, 0, ("a", "b")),
    ("under a title", "Customers\n\nid,address\n1,A St\n2,B St\n" + "3,C St, Apt 4\n" * 9, 2, ("id", "address")),
    ("wide first", "a,b,c\n" + "1,2,3\n" * 5 + "1,2\n" * 60, 0, ("a", "b", "c")),
]


@pytest.mark.parametrize(
    ("data", "preamble_rows", "columns"), [case[1:] for case in NARROW_FIRST], ids=[case[0] for case in NARROW_FIRST]
)
def test_first_rows_that_make_a_table_are_never_passed_over(
    data: str, preamble_rows: int, columns: tuple[str, ...]
) -> None:
    detected = detect(data)

    assert (detected.source.preamble_rows, detected.source.columns) == (preamble_rows, columns)
    assert detected.source.header_rows == 1
    assert "preamble_skipped" not in warnings_of(detected)


@pytest.mark.parametrize(
    ("preamble", "message"),
    [
        (
            "Station,Berlin\nYear,2024\n\n",
            "2 lines above the table are skipped, the first of them: 'Station,Berlin'. Should they be rows, set the"
            " lines before the table in the plan.",
        ),
        (
            "Sales, Berlin\n",
            "A line above the table is skipped: 'Sales, Berlin'. Should it be a row, set the lines before the table"
            " in the plan.",
        ),
        (
            "Weather\nStation,Berlin\nYear,2024\n",
            "3 lines above the table are skipped, the first of them: 'Weather'. Should they be rows, set the lines"
            " before the table in the plan.",
        ),
    ],
    ids=["names and values", "a title with a comma", "no blank line"],
)
def test_a_preamble_that_has_fields_is_skipped_with_a_warning(preamble: str, message: str) -> None:
    detected = detect(preamble + WEATHER)

    assert detected.source.columns == ("date", "temp", "rain")
    assert detected.source.preamble_rows == preamble.count("\n")
    assert [finding.message for finding in detected.warnings if finding.code == "preamble_skipped"] == [message]


def test_a_long_preamble_is_skipped_with_a_warning() -> None:
    assert warnings_of(detect("A word\n" * 3 + WEATHER)) == []
    assert warnings_of(detect("A word\n" * 6 + WEATHER)) == ["preamble_skipped"]


@pytest.mark.parametrize(("data", "expected"), [d[1:] for d in DIALECTS], ids=[d[0] for d in DIALECTS])
def test_small_files(data: str, expected: dict[str, Any]) -> None:
    source = detect(data).source

    assert {name: getattr(source, name) for name in expected} == expected
    assert source.format == "csv"


def test_spaces_before_quotes_are_no_part_of_fields() -> None:
    rows = [(str(number), "x, y", f"z {number}") for number in range(100)]
    data = "a, b, c\n" + "".join(f'{number}, "{text}",  "{other}"\n' for number, text, other in rows)

    source = detect(data).source

    assert [row for block in read_blocks(LOCATION, source) for row in block.frame.rows()] == rows


def test_an_unclosed_quote_does_not_change_how_the_rest_is_read() -> None:
    rows = "".join(f'{number},"name, {number}"\n' for number in range(500))

    source = detect(f'id,name\n{rows}501,"never closed\n502,"x, y"\n').source

    assert (source.delimiter, source.quote, source.columns) == (",", '"', ("id", "name"))


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (PEOPLE, []),
        ("a,a\n1,2\n", ["doubled_name"]),
        ("a,,b\n1,2,3\n", ["empty_name"]),
        ("a\x00b,c\n1,2\n", ["changed_name"]),
        (" a ,b\n1,2\n", []),
        ("fare_id,route_id\np,AB\np,STBA\n", []),
        ("red,blue\ngreen,pink\n", ["doubtful_header"]),
    ],
)
def test_what_may_surprise_is_said(data: str, codes: list[str]) -> None:
    assert warnings_of(detect(data)) == codes


def test_a_warning_names_its_column() -> None:
    (warning,) = detect("a,a\n1,2\n").warnings

    assert warning.as_json() == {
        "code": "doubled_name",
        "message": "Column 2 has the name of an earlier one; it is 'a_2'.",
        "column": "a_2",
    }


def test_the_header_is_kept_as_it_stands() -> None:
    assert detect("a,a, b ,\n1,2,3,4\n5,6,7,8\n").header == ("a", "a", " b ", "")
    assert detect("1,2\n3,4\n").header is None


def test_evidence_is_given_in_sentences() -> None:
    evidence = {finding.code: finding.message for finding in detect("sep=;\na;b\n1;2\n").evidence}

    assert evidence == {
        "encoding": "The encoding is utf-8: it has nothing but ASCII characters.",
        "delimiter": "The first line names ';' as the separator.",
        "preamble": "1 line comes before the table.",
        "header": "The first row names the columns.",
    }


def test_the_name_is_no_more_than_a_hint() -> None:
    detected = detect(PEOPLE, name="people.json")

    assert detected.source.format == "csv"
    assert warnings_of(detected) == ["other_format"]
