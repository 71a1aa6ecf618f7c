"""Each kind of mapping by named cases: what it makes of texts, and what it refuses."""

import datetime as dt
import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.etl.support import one_column, plan_of, refusal_of, typed, values_of

Case = tuple[dict[str, Any], list[str | None], list[Any]]
"""A column, the texts of its source, and the values expected."""


def mapped(kind: str, type_: str = "text", **options: Any) -> dict[str, Any]:
    column: dict[str, Any] = {"type": type_, "mapping": {"kind": kind, **options}}
    if type_ == "numeric":
        column |= {"precision": 18, "scale": 2}
    return column


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


EURO = {"decimal": ",", "group": ".", "suffixes": ["€"]}

CASES: dict[str, Case] = {
    "DIRECT text": (mapped("DIRECT"), [" a ", "", None], [" a ", None, None]),
    "DIRECT integer": (mapped("DIRECT", "integer"), ["1", " 2 ", "3.0", "+4", ""], [1, 2, 3, 4, None]),
    "DIRECT double, not finite": (mapped("DIRECT", "double", nonFinite=True), ["inf", "1.5"], [float("inf"), 1.5]),
    "DIRECT numeric": (mapped("DIRECT", "numeric"), ["1.5", "1.500", "15e-1"], [Decimal("1.50")] * 3),
    "DIRECT boolean": (mapped("DIRECT", "boolean"), ["true", "No", " 1 "], [True, False, True]),
    "DATE_FORMAT": (
        mapped("DATE_FORMAT", "date", formats=["%d.%m.%Y", "%Y-%m-%d"]),
        ["31.1.2024", "2024-01-31", " 1.2.2024 "],
        [dt.date(2024, 1, 31), dt.date(2024, 1, 31), dt.date(2024, 2, 1)],
    ),
    "DATE_FORMAT without marks": (
        mapped("DATE_FORMAT", "timestamp", formats=["%Y%m%dT%H%M%S"]),
        ["20240131T130501"],
        [dt.datetime(2024, 1, 31, 13, 5, 1)],
    ),
    "DATE_FORMAT with two-digit years": (
        mapped("DATE_FORMAT", "date", formats=["%d/%m/%y"]),
        ["01/02/69", "01/02/70"],
        [dt.date(2069, 2, 1), dt.date(1970, 2, 1)],
    ),
    "DATE_FORMAT on a 12-hour clock": (
        mapped("DATE_FORMAT", "timestamp", formats=["%m/%d/%Y %I:%M %p"]),
        ["1/31/2024 12:05 am", "1/31/2024 1:05 PM"],
        [dt.datetime(2024, 1, 31, 0, 5), dt.datetime(2024, 1, 31, 13, 5)],
    ),
    "DATE_FORMAT with a zone": (
        mapped("DATE_FORMAT", "timestamptz", formats=["%Y-%m-%d %H:%M:%S.%f%z"]),
        ["2024-01-31 13:05:00.5+01:00", "2024-01-31 12:05:00Z"],
        [utc("2024-01-31T12:05:00.5"), utc("2024-01-31T12:05:00")],
    ),
    "DATE_FORMAT on the clocks of a place": (
        mapped("DATE_FORMAT", "timestamptz", formats=["%d.%m.%Y %H:%M"], timeZone="Europe/Berlin"),
        ["31.01.2024 13:05", "31.07.2024 13:05"],
        [utc("2024-01-31T12:05"), utc("2024-07-31T11:05")],
    ),
    "DATE_FORMAT in the hour that comes twice": (
        mapped("DATE_FORMAT", "timestamptz", formats=["%d.%m.%Y %H:%M"], timeZone="Europe/Berlin", ambiguous="latest"),
        ["27.10.2024 02:30"],
        [utc("2024-10-27T01:30")],
    ),
    "DATE_FORMAT cuts digits if asked": (
        mapped("DATE_FORMAT", "timestamp", formats=["%Y-%m-%d %H:%M:%S.%f"], excessDigits="cut"),
        ["2024-01-31 13:05:00.123456789"],
        [dt.datetime(2024, 1, 31, 13, 5, 0, 123456)],
    ),
    "EPOCH in seconds": (
        mapped("EPOCH", "timestamptz"),
        ["0", "1.5", "-1"],
        [utc("1970-01-01"), utc("1970-01-01T00:00:01.5"), utc("1969-12-31T23:59:59")],
    ),
    "EPOCH in milliseconds": (
        mapped("EPOCH", "timestamp", unit="milliseconds"),
        ["1500"],
        [dt.datetime(1970, 1, 1, 0, 0, 1, 500_000)],
    ),
    "EPOCH in nanoseconds": (
        mapped("EPOCH", "timestamp", unit="nanoseconds"),
        ["1000"],
        [dt.datetime(1970, 1, 1, 0, 0, 0, 1)],
    ),
    "EPOCH as a date": (mapped("EPOCH", "date"), ["86400"], [dt.date(1970, 1, 2)]),
    "EPOCH in a spreadsheet's days": (
        mapped("EPOCH", "timestamp", unit="spreadsheetDays"),
        ["45322.5", "1"],
        [dt.datetime(2024, 1, 31, 12), dt.datetime(1899, 12, 31)],
    ),
    "NUMBER_FORMAT": (
        mapped("NUMBER_FORMAT", "numeric", **EURO),
        ["1.234,50 €", "1234,5", "-7€", "- 7,00", "+,5"],
        [Decimal("1234.50"), Decimal("1234.50"), Decimal(-7), Decimal(-7), Decimal("0.5")],
    ),
    "NUMBER_FORMAT of percents": (
        mapped("NUMBER_FORMAT", "double", suffixes=["%"], powerOfTen=-2),
        ["12.5%", "7 %"],
        [0.125, 0.07],
    ),
    "NUMBER_FORMAT of percents, exactly": (
        mapped("NUMBER_FORMAT", "numeric", suffixes=["%"], powerOfTen=-2),
        ["12%", "100%"],
        [Decimal("0.12"), Decimal(1)],
    ),
    "NUMBER_FORMAT of bookkeepers": (
        mapped("NUMBER_FORMAT", "integer", group=",", parentheses=True, trailingMinus=True),
        ["(1,234)", "12-", "7"],
        [-1234, -12, 7],
    ),
    "NUMBER_FORMAT with any space": (
        mapped("NUMBER_FORMAT", "integer", group=" "),
        ["1 234", "1\u00a0234", "1\u202f234"],
        [1234, 1234, 1234],
    ),
    "NUMBER_FORMAT with currencies before": (
        mapped("NUMBER_FORMAT", "integer", prefixes=["US$", "$"]),
        ["US$ 5", "$5", "-$5", "$-5"],
        [5, 5, -5, -5],
    ),
    "BOOLEAN_MAP": (
        mapped("BOOLEAN_MAP", "boolean", trueValues=["Ja"], falseValues=["nein", "-"]),
        ["JA", " nein", "-"],
        [True, False, False],
    ),
    "ENUM_MAP": (mapped("ENUM_MAP", values={"A": "active", "X": None}), ["A", "X", ""], ["active", None, None]),
    "ENUM_MAP that keeps the others": (
        mapped("ENUM_MAP", values={"a": "b"}, otherwise="keep", caseSensitive=False),
        ["A", "c"],
        ["b", "c"],
    ),
    "ENUM_MAP to numbers": (
        mapped("ENUM_MAP", "integer", values={"one": "1"}, otherwise="null"),
        ["one", "two"],
        [1, None],
    ),
    "SPLIT": (mapped("SPLIT", separator="/", index=-1), ["a/b", "c", "d/"], ["b", "c", None]),
    "SPLIT with too few parts": (mapped("SPLIT", separator="/", index=1, missing="null"), ["a/b", "c"], ["b", None]),
    "REGEX_EXTRACT": (mapped("REGEX_EXTRACT", "integer", pattern=r"(\d+) kg"), ["12 kg", "about 7 kg"], [12, 7]),
    "REGEX_EXTRACT of nothing": (mapped("REGEX_EXTRACT", pattern="a(x*)"), ["ax", "a"], ["x", None]),
    "ENUM_MAP to nothing": (mapped("ENUM_MAP", values={"A": ""}), ["A"], [None]),
    "JSON_PATH to nothing": (mapped("JSON_PATH", "integer", path="$.a", missing="reject"), ['{"a": ""}'], [None]),
    "REGEX_EXTRACT of all": (
        mapped("REGEX_EXTRACT", pattern=r"\d+", group=0, missing="null"),
        ["a12", "b"],
        ["12", None],
    ),
    "TRIM": (mapped("TRIM"), ["  a ", "   "], ["a", None]),
    "TRIM of other characters at one end": (mapped("TRIM", side="start", characters="0#"), ["0#a0"], ["a0"]),
    "CASE": (mapped("CASE", to="upper"), ["straße", "é"], ["STRASSE", "É"]),
    "REPLACE": (mapped("REPLACE", search=".", replacement="-"), ["a.b.c", "."], ["a-b-c", "-"]),
    "REPLACE by a pattern": (mapped("REPLACE", search=r"(\d)(\d)", replacement="$2$1", regex=True), ["12"], ["21"]),
    "JSON_PATH": (
        mapped("JSON_PATH", path="$.a[1]['b c']"),
        ['{"a": [0, {"b c": "x"}]}', '{"a": []}'],
        ["x", None],
    ),
    "JSON_PATH to a number as it is written": (
        mapped("JSON_PATH", path="$.a"),
        ['{"a": 12345678901234567890.10}', '{"a": {"b": 1.50}}'],
        ["12345678901234567890.10", '{"b":1.50}'],
    ),
    "UNIT_CONVERT": (mapped("UNIT_CONVERT", "double", unitIn="km", unitOut="m"), ["1.5"], [1500.0]),
    "UNIT_CONVERT of temperatures": (
        mapped("UNIT_CONVERT", "double", unitIn="degF", unitOut="degC"),
        ["212", "32"],
        [pytest.approx(100.0), pytest.approx(0.0, abs=1e-9)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_source_column(case: str) -> None:
    column, texts, expected = CASES[case]
    assert values_of(texts, **column) == expected


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no whole number": (mapped("DIRECT", "integer"), "1.5", "bad_integer"),
    "a whole number that is too large": (mapped("DIRECT", "integer"), "9223372036854775808", "out_of_range"),
    "too many decimals": (mapped("DIRECT", "numeric"), "1.234", "too_many_decimals"),
    "too many digits": (mapped("DIRECT", "numeric"), "1" * 17, "out_of_range"),
    "infinity": (mapped("DIRECT", "double"), "inf", "bad_number"),
    "beyond a double": (mapped("DIRECT", "double"), "1e999", "out_of_range"),
    "too small for a double": (mapped("DIRECT", "double"), "1e-999", "out_of_range"),
    "no date": (mapped("DIRECT", "date"), "2024-02-30", "bad_date"),
    "a missing zone": (mapped("DIRECT", "timestamptz"), "2024-01-31T10:00:00", "zone_missing"),
    "a zone too many": (mapped("DIRECT", "timestamp"), "2024-01-31T10:00:00Z", "zone_unexpected"),
    "no time": (mapped("DIRECT", "time"), "25:00", "bad_time"),
    "no UUID": (mapped("DIRECT", "uuid"), "123", "bad_uuid"),
    "no JSON": (mapped("DIRECT", "json"), "{a: 1}", "bad_json"),
    "a NUL": (mapped("DIRECT"), "a\x00b", "nul_character"),
    "another format": (mapped("DATE_FORMAT", "date", formats=["%d.%m.%Y"]), "2024-01-31", "bad_date"),
    "the year 0": (mapped("DATE_FORMAT", "date", formats=["%d.%m.%Y"]), "01.02.0000", "bad_date"),
    "the year 0 with a time": (
        mapped("DATE_FORMAT", "timestamp", formats=["%d.%m.%Y %H:%M"]),
        "01.02.0000 10:00",
        "bad_timestamp",
    ),
    "the hour that is left out in spring": (
        mapped("DATE_FORMAT", "timestamptz", formats=["%d.%m.%Y %H:%M"], timeZone="Europe/Berlin"),
        "31.03.2024 02:30",
        "bad_timestamp",
    ),
    "the hour that comes twice": (
        mapped("DATE_FORMAT", "timestamptz", formats=["%d.%m.%Y %H:%M"], timeZone="Europe/Berlin"),
        "27.10.2024 02:30",
        "bad_timestamp",
    ),
    "finer than a microsecond": (mapped("EPOCH", "timestamptz"), "1.0000001", "bad_timestamp"),
    "a moment beyond the year 9999": (mapped("EPOCH", "timestamptz"), "999999999999999", "bad_timestamp"),
    "a moment that is no date": (mapped("EPOCH", "date"), "1", "bad_timestamp"),
    "groups of two digits": (mapped("NUMBER_FORMAT", "numeric", **EURO), "1.23,5", "bad_number"),
    "another currency": (mapped("NUMBER_FORMAT", "numeric", **EURO), "5 $", "bad_number"),
    "an unknown word": (
        mapped("BOOLEAN_MAP", "boolean", trueValues=["ja"], falseValues=["nein"]),
        "yes",
        "bad_boolean",
    ),
    "an unknown code": (mapped("ENUM_MAP", values={"A": "active"}), "B", "unknown_value"),
    "a part that is missing": (mapped("SPLIT", separator="/", index=1), "a", "no_match"),
    "nothing found": (mapped("REGEX_EXTRACT", pattern="(x)"), "a", "no_match"),
    "a path that leads nowhere": (mapped("JSON_PATH", path="$.a", missing="reject"), '{"b": 1}', "no_match"),
    "a document that is none": (mapped("JSON_PATH", path="$.a"), "{", "no_match"),
    "no quantity": (mapped("UNIT_CONVERT", "double", unitIn="m", unitOut="km"), "far", "bad_number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    column, text, code = REFUSED[case]
    found, reason = refusal_of(text, **column)
    assert found == code
    assert reason.endswith(".")


ROWS = {"a": ["1", "2", "", "x"], "b": ["10", "", "30", "40"]}


def from_rows(mapping: dict[str, Any], type_: str = "text", rows: dict[str, list[str]] | None = None) -> list[Any]:
    """The values of a column that is made of several; None also where the row was refused."""
    given = rows or ROWS
    plan = plan_of(list(given), {"name": "v", "type": type_, "mapping": mapping, "onFailure": "nullValue"})
    return typed(plan, dict(given)).frame["v"].to_list()


A, B = {"column": "a"}, {"column": "b"}

SEVERAL: dict[str, tuple[dict[str, Any], str, list[Any]]] = {
    "CONSTANT": ({"kind": "CONSTANT", "value": 7}, "integer", [7] * 4),
    "CONSTANT null": ({"kind": "CONSTANT", "value": None}, "text", [None] * 4),
    "CONCAT": ({"kind": "CONCAT", "operands": [A, {"value": "-"}, B]}, "text", ["1-10", "2-", "-30", "x-40"]),
    "CONCAT of all or nothing": (
        {"kind": "CONCAT", "operands": [A, B], "separator": "/", "nulls": "null"},
        "text",
        ["1/10", None, None, "x/40"],
    ),
    "JSON_OBJECT": (
        {"kind": "JSON_OBJECT", "columns": ["b", "a"]},
        "json",
        ['{"b":"10","a":"1"}', '{"a":"2"}', '{"b":"30"}', '{"b":"40","a":"x"}'],
    ),
    "COALESCE": ({"kind": "COALESCE", "operands": [A, B]}, "text", ["1", "2", "30", "x"]),
    "IF": (
        {"kind": "IF", "condition": {"test": "isNull", "column": "a"}, "then": B, "else": {"value": "-"}},
        "text",
        ["-", "-", "30", "-"],
    ),
    "IF without else": (
        {"kind": "IF", "condition": {"test": "greaterThan", "column": "b", "value": 20}, "then": A},
        "text",
        [None, None, None, "x"],
    ),
    "LOOKUP": (
        {
            "kind": "LOOKUP",
            "columns": ["a", "b"],
            "rows": [{"key": ["1", "10"], "value": "found"}],
            "otherwise": "null",
        },
        "text",
        ["found", None, None, None],
    ),
    "ARITHMETIC": (
        {"kind": "ARITHMETIC", "calculation": {"operation": "add", "left": A, "right": {"value": 1}}},
        "integer",
        [2, 3, None, None],
    ),
    "ARITHMETIC nested": (
        {
            "kind": "ARITHMETIC",
            "calculation": {
                "operation": "divide",
                "left": {"operation": "multiply", "left": A, "right": B},
                "right": {"value": 4},
            },
        },
        "double",
        [2.5, None, None, None],
    ),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_source_columns(case: str) -> None:
    mapping, type_, expected = SEVERAL[case]
    assert from_rows(mapping, type_) == expected


def test_a_hash_is_of_the_texts_in_their_order() -> None:
    found = from_rows({"kind": "HASH", "columns": ["a"]})
    assert found[0] == hashlib.sha256(b"1").hexdigest()
    assert found[2] is None
    both = {"a": ["1", "11"], "b": ["12", "2"]}
    first, second = from_rows({"kind": "HASH", "columns": ["a", "b"], "length": 16}, rows=both)
    assert first != second
    assert len(first) == 16


ANY_TEXT = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=5)


@given(st.dictionaries(ANY_TEXT.filter(bool), ANY_TEXT, min_size=1, max_size=4))
def test_an_object_of_any_texts_is_json(row: dict[str, str]) -> None:
    column = {"name": "v", "type": "json", "mapping": {"kind": "JSON_OBJECT", "columns": list(row)}}
    found = typed(plan_of(list(row), column), {name: [text] for name, text in row.items()}).frame["v"][0]
    assert (found and json.loads(found)) == ({name: text for name, text in row.items() if text} or None)


def test_arithmetic_that_has_no_result_is_refused() -> None:
    divide = {"kind": "ARITHMETIC", "calculation": {"operation": "divide", "left": A, "right": B}}
    plan = plan_of(["a", "b"], {"name": "v", "type": "double", "mapping": divide})
    block = typed(plan, {"a": ["1", "1", ""], "b": ["0", "4", "2"]})
    assert block.frame["v"].to_list() == [0.25, None]
    assert [reject.code for reject in block.rejects] == ["not_computable"]


def test_arithmetic_on_decimals_is_exact() -> None:
    add = {"kind": "ARITHMETIC", "calculation": {"operation": "add", "left": A, "right": B}}
    plan = plan_of(["a", "b"], {"name": "v", "type": "numeric", "precision": 18, "scale": 2, "mapping": add})
    assert typed(plan, {"a": ["0.1"], "b": ["0.2"]}).frame["v"].to_list() == [Decimal("0.30")]


def test_whole_numbers_do_not_overflow_unnoticed() -> None:
    multiply = {"kind": "ARITHMETIC", "calculation": {"operation": "multiply", "left": A, "right": A}}
    assert from_rows(multiply, "integer", {"a": [str(2**62), "3"]}) == [None, 9]


def test_clean_ups_come_before_the_mapping_and_null_spellings_before_and_after() -> None:
    column = {
        "type": "integer",
        "prepare": [{"kind": "TRIM"}, {"kind": "REPLACE", "search": "o", "replacement": "0"}],
        "nullValues": ["n/a", "none"],
    }
    assert values_of([" 1o ", "n/a", " n/a ", "   "], **column) == [10, None, None, None]


def test_a_value_that_does_not_fit_can_become_null() -> None:
    block = one_column(["1", "x"], type="integer", onFailure="nullValue")
    assert block.frame["c"].to_list() == [1, None]
    assert block.nulled == {"c": 1}
