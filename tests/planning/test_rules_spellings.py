"""Numbers and dates in local spellings: what is read how, and what is left open."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from stepmill.etl.plan.mappings.date_format import DateFormat
from stepmill.etl.plan.mappings.number_format import NumberFormat
from tests.planning.support import load, planned

NUMBERS: dict[str, tuple[list[str], str, list[Any]]] = {
    "decimal comma": (["1,5", "22,25"], "double precision", [1.5, 22.25]),
    "decimal comma, points between thousands": (["1.234,50", "7,00"], "numeric(18,2)", ["1234.50", "7.00"]),
    "decimal point, commas between thousands": (["1,234.50", "7.00"], "numeric(18,2)", ["1234.50", "7.00"]),
    "apostrophes between thousands": (["1'234'567", "12'000", "5"], "bigint", [1_234_567, 12_000, 5]),
    "spaces between thousands": (["1 234,5", "5"], "double precision", [1234.5, 5.0]),
    "no-break spaces between thousands": (["1\u00a0234,50", "5,00"], "numeric(18,2)", ["1234.50", "5.00"]),
    "commas between thousands, twice": (["1,234,567", "12"], "bigint", [1_234_567, 12]),
    "points between thousands, twice": (["1.234.567", "1.200", "12"], "bigint", [1_234_567, 1_200, 12]),
    "dollars": (["$1,234.5", "$7"], "numeric(18,1)", ["1234.5", "7.0"]),
    "negative dollars": (["-$1,234.50", "$-7.25"], "numeric(18,2)", ["-1234.50", "-7.25"]),
    "euros": (["1.250,00 €", "99,90 €"], "numeric(18,2)", ["1250.00", "99.90"]),
    "percents": (["12,5%", "7,25%"], "double precision", [12.5, 7.25]),
    "whole percents": (["12 %", "7 %"], "bigint", [12, 7]),
    "parentheses": (["(1,234.50)", "12.00"], "numeric(18,2)", ["-1234.50", "12.00"]),
    "a minus behind": (["12.50-", "7.25"], "numeric(18,2)", ["-12.50", "7.25"]),
    "a zero before the comma tells that it is decimal": (["0,123", "1,234"], "double precision", [0.123, 1.234]),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers(case: str) -> None:
    texts, expected_type, expected = NUMBERS[case]
    loaded = load({"c": texts})
    column = loaded.column("c")
    assert isinstance(column.mapping, NumberFormat)
    assert column.target.sql == expected_type
    assert loaded.values("c") == [Decimal(value) if isinstance(value, str) else value for value in expected]


@pytest.mark.parametrize(
    "texts",
    [
        ["1,234", "5,678"],
        ["$5", "€7"],
        ["$5", "7"],
        ["5%", "7"],
        ["192.168.1.1"],
        ["123 456", "789 012"],
        ["1,2,3"],
        ["12,34,567"],
        ["123.456.789", "987.654.321"],
        ["€ 99", "€ 1.299", "€ 12"],
        ["12.500 %", "3.125 %"],
        ["R101", "R102", "R7"],
        ["SEK 1000", "SEK 20"],
        ["192.168.100.1", "10.100.200.300"],
        ["5 kg"],
        ["01,5"],
        ["1,5", "1.5"],
    ],
)
def test_no_numbers(texts: list[str]) -> None:
    assert planned(texts).target.sql == "text"


def test_a_currency_becomes_the_unit() -> None:
    assert planned(["12,50 €"]).unit == "€"


def test_letters_before_whole_numbers_are_money_where_the_name_says_so() -> None:
    loaded = load({"price": ["R101", "R99"], "room": ["R101", "R99"]})
    assert (loaded.column("price").target.sql, loaded.column("price").unit) == ("bigint", "R")
    assert loaded.column("room").target.sql == "text"
    assert loaded.codes() == {"number_format", "code"}
    assert load({"room": ["R101.50", "R99.00"]}).values("room") == [Decimal("101.50"), Decimal("99.00")]


def test_an_open_spelling_is_said() -> None:
    loaded = load({"c": ["1,234", "5,678"]})
    assert loaded.codes() == {"ambiguous_number"}


def test_other_columns_decide_what_a_comma_is() -> None:
    english = load({"a": ["1,234", "5,678"], "b": ["0.5", "1.25"]})
    assert english.values("a") == [1_234, 5_678]
    german = load({"a": ["1,234", "5,678"], "b": ["0,5", "1,25"], "c": ["1.234", "5.678"]})
    assert german.values("a") == [1.234, 5.678]
    assert german.values("c") == [1_234, 5_678]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


DATES = {
    "day first, dots": (["31.01.2024", "1.2.2024"], ["2024-01-31", "2024-02-01"]),
    "dots mean day first": (["01.02.2024", "03.04.2024"], ["2024-02-01", "2024-04-03"]),
    "day first, slashes": (["31/01/2024", "01/02/2024"], ["2024-01-31", "2024-02-01"]),
    "month first, slashes": (["01/31/2024", "01/02/2024"], ["2024-01-31", "2024-01-02"]),
    "month first, hyphens": (["01-31-2024", "01-02-2024"], ["2024-01-31", "2024-01-02"]),
    "year first, slashes": (["2024/01/31"], ["2024-01-31"]),
    "year first, one digit": (["2024-1-31", "2024-10-5"], ["2024-01-31", "2024-10-05"]),
    "two-digit years": (["31.12.99", "01.02.24"], ["1999-12-31", "2024-02-01"]),
    "names of months, short": (["31 Jan 2024", "1 May 2024"], ["2024-01-31", "2024-05-01"]),
    "names of months, long": (["January 31, 2024", "May 1, 2024"], ["2024-01-31", "2024-05-01"]),
    "as databases print them": (["31-JAN-24", "01-FEB-24"], ["2024-01-31", "2024-02-01"]),
    "days of the week": (["Wed, 31 Jan 2024"], ["2024-01-31"]),
}


@pytest.mark.parametrize("case", DATES)
def test_dates(case: str) -> None:
    texts, expected = DATES[case]
    loaded = load({"c": texts})
    assert isinstance(loaded.column("c").mapping, DateFormat)
    assert loaded.column("c").target.sql == "date"
    assert loaded.values("c") == [day(text) for text in expected]


MOMENTS = {
    "12-hour clock": (["1/31/2024 1:05 PM", "2/1/2024 12:00 AM"], ["2024-01-31T13:05", "2024-02-01T00:00"]),
    "24-hour clock": (["31.01.2024 13:05", "01.02.2024 00:00"], ["2024-01-31T13:05", "2024-02-01T00:00"]),
    "some with seconds": (["31.01.2024 13:05", "01.02.2024 00:00:07"], ["2024-01-31T13:05", "2024-02-01T00:00:07"]),
    "some without a time": (["31.01.2024 13:05", "01.02.2024"], ["2024-01-31T13:05", "2024-02-01T00:00"]),
    "fractions": (["31.01.2024 13:05:00.25"], ["2024-01-31T13:05:00.250"]),
    "with a zone": (["31/Jan/2024:13:05:00 +0100"], ["2024-01-31T12:05:00+00:00"]),
    "as mails have them": (["Wed, 31 Jan 2024 13:05:00 +0100"], ["2024-01-31T12:05:00+00:00"]),
}


@pytest.mark.parametrize("case", MOMENTS)
def test_moments(case: str) -> None:
    texts, expected = MOMENTS[case]
    loaded = load({"c": texts})
    assert loaded.values("c") == [moment(text) for text in expected]


@pytest.mark.parametrize("texts", [["31.02.2024"], ["13/13/2024"], ["31.01.2024", "01/31/2024"], ["Mon, 31 Jan 2024"]])
def test_no_dates(texts: list[str]) -> None:
    assert planned(texts).target.sql == "text"


def test_an_open_order_is_said() -> None:
    loaded = load({"c": ["01/02/2024", "03/04/2024"]})
    assert loaded.column("c").target.sql == "text"
    (note,) = loaded.plan.notes
    assert (note.code, note.column) == ("ambiguous_date", "c")


def test_other_columns_decide_the_order() -> None:
    loaded = load({"a": ["01/02/2024", "03/04/2024"], "b": ["01/31/2024", "02/01/2024"]})
    assert loaded.values("a") == [day("2024-01-02"), day("2024-03-04")]


def test_columns_that_disagree_decide_nothing() -> None:
    loaded = load({"a": ["01/02/2024"], "b": ["01/31/2024"], "c": ["31/01/2024"]})
    assert loaded.column("a").target.sql == "text"


def test_words_for_yes_and_no_of_other_languages() -> None:
    loaded = load({"c": ["Ja", "nein", "JA", ""]})
    assert loaded.values("c") == [True, False, True, None]
    assert loaded.codes() == {"boolean_words"}
