"""How a further file of an area is read, for which there is a plan already."""

import gzip

import pytest

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect, detect_further, warnings_of

FIRST = "id;name;born\n1;Ann;1990-01-02\n2;Bob;1991-03-04\n"
PLANNED = detect(FIRST).source


def test_a_file_like_the_first_is_read_like_it() -> None:
    detected = detect_further("id;name;born\n3;Cy;1992-05-06\n", PLANNED, ["id", "name", "born"])

    assert detected.source == PLANNED
    assert detected.header == ("id", "name", "born")
    assert warnings_of(detected) == []


def test_columns_may_stand_in_another_order_and_new_ones_may_come() -> None:
    detected = detect_further("extra;born;id;name\nx;1992-05-06;3;Cy\n", PLANNED, ["id", "name", "born"])

    (block,) = read_blocks(LOCATION, detected.source)
    assert block.frame.to_dicts() == [{"extra": "x", "born": "1992-05-06", "id": "3", "name": "Cy"}]
    (warning,) = detected.warnings
    assert warning.as_json() == {
        "code": "new_columns",
        "message": "The file has columns that the plan does not know: 'extra'. They are not loaded.",
    }


def test_only_the_columns_that_are_needed_must_be_there() -> None:
    assert detect_further("id;name\n3;Cy\n", PLANNED, ["id"]).source.columns == ("id", "name")

    with pytest.raises(DataError) as caught:
        detect_further("id;name\n3;Cy\n", PLANNED, ["id", "born"])

    assert caught.value.code == "missing_columns"
    assert caught.value.details == {"columns": ["born"]}
    assert caught.value.message.startswith("The file lacks columns that the plan needs: 'born'. It has 'id', 'name'.")


def test_another_dialect_is_taken_with_a_warning() -> None:
    detected = detect_further("Report\n\nid,name,born\n3,Cy,1992-05-06\n", PLANNED, ["id", "name", "born"])

    assert (detected.source.delimiter, detected.source.preamble_rows) == (",", 2)
    (warning,) = detected.warnings
    assert warning.code == "differs_from_plan"
    assert warning.message == (
        "The file is read otherwise than the plan says: delimiter ',' and not ';'; lines before the table 2 and not 0."
    )


def test_what_a_user_set_is_kept_where_it_works() -> None:
    planned = PLANNED.model_copy(update={"quote": None, "comment": "#"})

    source = detect_further('id;name;born\n#3;Cy;1992-05-06\n"4";Di;1993-07-08\n', planned, ["id"]).source

    assert (source.quote, source.comment) == (None, "#")


def test_compression_is_the_files_own() -> None:
    detected = detect_further(gzip.compress(FIRST.encode()), PLANNED, ["id"])

    assert detected.source == PLANNED.model_copy(update={"compression": "gzip"})
    assert warnings_of(detected) == []


@pytest.mark.parametrize(
    ("planned", "encoding", "expected", "warnings"),
    [
        ("utf-8", "utf-8", "utf-8", []),
        ("utf-8", "utf-8-sig", "utf-8", []),
        ("utf-8", "cp1252", "cp1252", ["guessed_encoding", "differs_from_plan"]),
        ("utf-8", "utf-16", "utf-16-le", ["differs_from_plan"]),
        ("cp1252", "cp1252", "cp1252", []),
        ("cp1250", "cp1252", "cp1250", []),
        ("cp1252", "utf-8", "utf-8", ["differs_from_plan"]),
        ("cp1252", "utf-8-sig", "utf-8", ["differs_from_plan"]),
        ("cp1252", "utf-16-be", "utf-16-be", ["differs_from_plan"]),
        ("utf-16-le", "utf-8", "utf-8", ["differs_from_plan"]),
        ("utf-16-le", "utf-16", "utf-16-le", []),
    ],
)
def test_the_encoding_is_the_plans_unless_the_bytes_rule_it_out(
    planned: str, encoding: str, expected: str, warnings: list[str]
) -> None:
    data = "id;name;born\n1;M\u00fcller;1990-01-02\n2;Gr\u00f6\u00dfe;1991-03-04\n"

    detected = detect_further(data, PLANNED.model_copy(update={"encoding": planned}), ["id"], encoding=encoding)

    assert detected.source.encoding == expected
    assert warnings_of(detected) == warnings


def test_plain_ascii_fits_any_code_page() -> None:
    detected = detect_further(FIRST, PLANNED.model_copy(update={"encoding": "cp1252"}), ["id"])

    assert (detected.source.encoding, warnings_of(detected)) == ("cp1252", [])


def test_without_a_header_the_columns_are_the_plans() -> None:
    planned = SourceFormat(format="csv", delimiter=",", quote='"', columns=("id", "name", "born"))

    detected = detect_further("1,Ann,1990-01-02\n2,Bob,1991-03-04\n", planned, ["name"])

    assert detected.source == planned
    with pytest.raises(DataError) as caught:
        detect_further("1,Ann\n2,Bob\n", planned, ["name"])
    assert caught.value.code == "missing_columns"


def test_a_trailing_delimiter_may_come_or_go() -> None:
    planned = PLANNED.model_copy(update={"trailing_delimiter": True})

    with_it = detect_further("id;name;born;\n1;Ann;1990-01-02;\n", planned, ["born"])
    without = detect_further(FIRST, planned, ["born"])

    assert (with_it.source.trailing_delimiter, with_it.source.columns) == (True, ("id", "name", "born"))
    assert (without.source.trailing_delimiter, without.source.columns) == (False, ("id", "name", "born"))


def test_json_keeps_the_plans_columns() -> None:
    planned = SourceFormat(format="jsonl", columns=("a", "b"))

    detected = detect_further('{"data": [{"a": 1, "c": 2}]}', planned, ["a", "b"], name="x.json")

    assert (detected.source.format, detected.source.records_path) == ("json", "data")
    assert detected.source.columns == ("a", "b")
    assert warnings_of(detected) == ["differs_from_plan"]


def test_another_format_will_do_if_it_has_the_columns() -> None:
    detected = detect_further("a,b\n1,2\n3,4\n", SourceFormat(format="jsonl", columns=("a", "b")), ["a"])

    assert (detected.source.format, detected.source.columns) == ("csv", ("a", "b"))
    assert warnings_of(detected) == ["differs_from_plan"]
    as_json = detect_further('{"id": 1}\n{"id": 2}\n', PLANNED, ["id"], name="x.jsonl")
    assert (as_json.source.format, as_json.source.columns) == ("jsonl", PLANNED.columns)


def test_an_empty_file_is_refused_here_too() -> None:
    with pytest.raises(DataError) as caught:
        detect_further("\n", PLANNED, ["id"])

    assert caught.value.code == "empty_file"
