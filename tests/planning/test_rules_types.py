"""Which type a column gets: each rule by name."""

import pytest

from tests.planning.support import load, planned, sql_type

MANY = [str(number) for number in range(2_000)]

TYPES = {
    "whole numbers": (["1", "-2", "30"], "bigint"),
    "the edges of 64 bits": ([str(2**63 - 1), str(-(2**63))], "bigint"),
    "zeros and ones are numbers": (["0", "1", "0"], "bigint"),
    "leading zeros are codes": (["1", "02", "3"], "text"),
    "a zero alone is no leading zero": (["0", "0.5", "-0.25"], "double precision"),
    "more than 64 bits is an identifier": (["1", str(2**63)], "text"),
    "long numbers with a plus sign are telephone numbers": (["+4930123456", "4930123456"], "text"),
    "short numbers with a plus sign are numbers": (["+5", "-3"], "bigint"),
    "two decimals everywhere is money": (["1.50", "20.00"], "numeric(18,2)"),
    "decimals of several lengths are measured": (["1.5", "20.25"], "double precision"),
    "an exponent is measured": (["1e5", "2.5E-3"], "double precision"),
    "17 digits are as many as a double prints": (["0.12345678901234567", "1.5"], "double precision"),
    "more digits than a double has": (["0.123456789012345678901", "1.5"], "numeric(38,21)"),
    "more digits than any number has": (["1." + "1" * 40, "1.5"], "text"),
    "too large for a double": (["1e999", "1.5"], "text"),
    "infinity is a double": (["1", "inf", "-Infinity"], "double precision"),
    "dates": (["2024-01-31", "1999-12-01"], "date"),
    "a date that does not exist": (["2024-02-30", "2024-02-28"], "text"),
    "the year 0": (["0000-01-01", "2024-02-28"], "text"),
    "timestamps": (["2024-01-31 10:00:00", "2024-01-31T10:00"], "timestamp without time zone"),
    "dates and timestamps": (["2024-01-31", "2024-01-31T10:00"], "timestamp without time zone"),
    "midnights are timestamps": (["1996-07-04 00:00:00.000"] * 3_000, "timestamp without time zone"),
    "few midnights are timestamps": (["1996-07-04 00:00:00.000"], "timestamp without time zone"),
    "timestamps with a zone": (["2024-01-31T10:00:00Z", "2024-01-31 10:00:00+02:00"], "timestamp with time zone"),
    "with a zone and without": (["2024-01-31T10:00:00Z", "2024-01-31T10:00:00"], "text"),
    "nanoseconds are cut": (["2024-01-31T10:00:00.123456789Z", "2024-01-31T10:00:00.5Z"], "timestamp with time zone"),
    "times of day": (["10:00", "23:59:59.5"], "time without time zone"),
    "durations": (["10:00", "25:00"], "text"),
    "true and false": (["true", "FALSE"], "boolean"),
    "true alone": (["true", "true"], "boolean"),
    "t alone": (["t", "t"], "text"),
    "yes and no": (["Yes", "no"], "boolean"),
    "yes and false": (["yes", "false"], "text"),
    "ja and nein": (["Ja", "nein"], "boolean"),
    "no alone": (["no", "no"], "text"),
    "uuids": (["123e4567-e89b-12d3-a456-426614174000"], "uuid"),
    "fingerprints are not uuids": (["123e4567e89b12d3a456426614174000"], "text"),
    "json": (['{"a": 1}', "[1, 2]"], "jsonb"),
    "arrays of PostgreSQL are not json": (['{Trailers,"Behind the Scenes"}'], "text"),
    "nothing at all": (["", ""], "text"),
    "words for null alone": (["NA", "-"], "text"),
    "blanks": ([" ", "  "], "text"),
    "spaces around numbers": ([" 1", "2 "], "bigint"),
    "a slip in a small column": (["1", "2", "abc"], "text"),
    "a code among numbers": ([*MANY[:100], "A17"], "text"),
    "several words among numbers": ([*MANY[:100], "abc", "def", "ghi", "jkl"], "text"),
}


@pytest.mark.parametrize("name", TYPES)
def test_type(name: str) -> None:
    texts, expected = TYPES[name]
    assert sql_type(texts) == expected


NAMED = {
    "zip codes": ("zip", ["10001", "94103"], "text"),
    "postal codes": ("PostalCode", ["10001", "94103"], "text"),
    "telephone numbers": ("Phone", ["5551234"], "text"),
    "article codes that look like numbers with an exponent": ("SKU", ["1E5", "2E7"], "text"),
    "prices with changing decimals": ("unit_price", ["1.5", "2"], "numeric(18,2)"),
    "prices with four decimals": ("price", ["1.2345", "2.5"], "numeric(18,4)"),
    "prices with six decimals": ("price", ["1.250000", "5.250000"], "numeric(18,6)"),
    "large amounts": ("amount", [str(2**70), "1"], "numeric(38,0)"),
    "latitudes": ("lat", ["52.52", "48.14"], "double precision"),
    "a flag with one value": ("is_active", ["t", "t"], "boolean"),
    "days as eight digits": ("start_date", ["20070101", "20101231"], "date"),
    "eight digits that are no days": ("start_date", ["20070101", "20071331"], "bigint"),
    "eight digits without a word": ("number", ["20070101", "20101231"], "bigint"),
    "months as six digits": ("date", ["202401", "202412"], "bigint"),
}


@pytest.mark.parametrize("case", NAMED)
def test_type_where_the_name_decides(case: str) -> None:
    name, texts, expected = NAMED[case]
    assert sql_type(texts, name) == expected


def test_many_different_days_as_eight_digits_are_dates() -> None:
    days = [f"2024{month:02d}{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    assert sql_type(days, "number") == "date"


def test_nanoseconds_are_cut_and_that_is_said() -> None:
    loaded = load({"c": ["2024-01-31T10:00:00.123456789Z"]})
    assert str(loaded.values("c")[0]) == "2024-01-31 10:00:00.123456+00:00"
    assert "excess_digits" in loaded.codes()


def test_words_for_null_in_a_column_of_numbers() -> None:
    loaded = load({"c": ["1", "NA", "-", "3", "", " "]})
    assert loaded.column("c").null_values == ("-", "NA")
    assert loaded.values("c") == [1, None, None, 3, None, None]
    (note,) = [note for note in loaded.plan.notes if note.code == "null_words"]
    assert note.column == "c"
    assert note.message == "Read as null: “-” (1), “NA” (1)."


def test_words_for_null_in_a_column_of_text_are_text() -> None:
    loaded = load({"c": ["abc", "NA", "-", "x y", " "]})
    assert loaded.values("c") == ["abc", "NA", "-", "x y", " "]
    assert loaded.column("c").null_values == ()


def test_nan_is_no_value_and_infinity_is_one() -> None:
    loaded = load({"c": ["1.5", "NaN", "inf"]})
    assert loaded.values("c") == [1.5, None, float("inf")]
    assert "infinity" in loaded.codes()


def test_padded_words_for_null_are_null() -> None:
    assert load({"c": ["  1", " NA", "2 "]}).values("c") == [1, None, 2]


def test_few_misfits_among_many_are_rejected_and_announced() -> None:
    loaded = load({"c": [*MANY, "abc", *MANY, "abc"]})
    assert loaded.column("c").target.sql == "bigint"
    assert [(reject.line, reject.raw) for reject in loaded.rejects] == [(2_002, "abc"), (4_003, "abc")]
    (note,) = loaded.plan.notes
    assert (note.code, note.column) == ("misfits", "c")
    assert note.message == "Not integer, so to be rejected: 2 of 4,002 values, such as “abc”."


SLIPS = {
    "one of 1,001 values": ([*MANY[:1_000], "x1"], "bigint"),
    "a word among 20 numbers": ([*MANY[:19], "abc"], "bigint"),
    "a word among dates": ([*(f"2024-01-{day:02d}" for day in range(1, 30)), "soon"], "date"),
    "a word among amounts": ([*(f"{cents},50" for cents in range(1, 30)), "free"], "numeric(18,2)"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_slips_of_the_pen_are_rejected(name: str) -> None:
    texts, expected = SLIPS[name]
    loaded = load({"c": texts})
    assert loaded.column("c").target.sql == expected
    assert [reject.raw for reject in loaded.rejects] == texts[-1:]
    assert loaded.codes() >= {"misfits"}


def test_misfits_that_are_too_many_make_text_of_the_column() -> None:
    loaded = load({"c": [*MANY, "x1", "x2", "x3"]})
    assert loaded.column("c").target.sql == "text"
    assert loaded.rejects == []
    assert loaded.codes() == {"mixed_values"}


def test_misfits_that_are_too_different_make_text_of_the_column() -> None:
    loaded = load({"c": [*MANY * 20, *(f"x{number}" for number in range(21))]})
    assert loaded.column("c").target.sql == "text"
    assert loaded.rejects == []


def test_misfits_of_many_columns_stay_within_the_reject_limit() -> None:
    """110 columns, each with a slip in 1,000 rows of its own, would be 110 rejects where 100 are allowed."""
    columns = {f"c{index}": [*MANY[:1_000]] for index in range(110)}
    for index, texts in enumerate(columns.values()):
        texts[index * 9] = "abc"
    loaded = load(dict(columns))
    assert len(loaded.rejects) == 100
    assert sum(column.target.sql == "text" for column in loaded.plan.columns) == 10


def test_nul_characters_in_text_are_announced() -> None:
    loaded = load({"c": ["abc", "d\x00e", "", "f"]})
    assert loaded.values("c") == ["abc", None, "f"]
    assert [reject.code for reject in loaded.rejects] == ["nul_character"]
    assert loaded.codes() == {"nul_characters"}


def test_every_value_counts_not_only_the_first_ones() -> None:
    """Each column changes its mind after 20,000 rows of something else."""
    height = 20_000
    numbers = [str(number % 900 + 100) for number in range(height)]
    columns = {
        "decimals": [*numbers, "1.25"],
        "thousands": [*numbers, *(f"1,234,{number}.50" for number in range(100, 130))],
        "commas": [*numbers, *(f"{number},25" for number in range(30))],
        "codes": [*numbers, "007"],
        "words": [*numbers, "NA"],
        "moments": [*["2024-01-31"] * height, "2024-01-31T10:00"],
        "padded": [*numbers, "  17"],
        "slip": [*numbers, "seventeen"],
        "names": [*["2024-01-31"] * 10, *["Ada"] * (height - 10), "1"],
    }
    longest = max(len(texts) for texts in columns.values())
    loaded = load({name: [*texts, *[""] * (longest - len(texts))] for name, texts in columns.items()}, 100_000)
    assert {column.name: column.target.sql for column in loaded.plan.columns} == {
        "decimals": "double precision",
        "thousands": "double precision",
        "commas": "double precision",
        "codes": "text",
        "words": "bigint",
        "moments": "timestamp without time zone",
        "padded": "bigint",
        "slip": "bigint",
        "names": "text",
    }
    assert [(reject.line, reject.column) for reject in loaded.rejects] == [(height + 2, "slip")]


def test_the_plan_column_of_a_plain_value_is_plain() -> None:
    column = planned(["1", "2"])
    assert (column.mapping.kind, column.nullable, column.prepare, column.null_values) == ("DIRECT", True, (), ())
