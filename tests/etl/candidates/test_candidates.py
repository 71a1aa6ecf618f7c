"""Candidates: what they take, the parsers load; what they learn is the same however the values come in portions."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stepmill.etl.candidates.candidate import FEW_MISFITS, Candidate, Misfits
from stepmill.etl.candidates.iso import IsoCandidate
from stepmill.etl.candidates.local_date import LocalDateCandidate, date_candidates
from stepmill.etl.candidates.local_number import LocalNumberCandidate, shapes_of_plain_numbers
from stepmill.etl.candidates.number import NumberCandidate
from stepmill.etl.candidates.plain import JsonCandidate, TimeCandidate, UuidCandidate
from stepmill.etl.plan.types import LogicalType, TargetType
from stepmill.etl.values.registry import parser_of

TEXTS = st.one_of(
    st.text(st.sampled_from("0123456789.+-eE"), min_size=1, max_size=12),
    st.text(st.sampled_from("0123456789-T:Z+. "), min_size=1, max_size=26),
    st.text(st.sampled_from('{}[]":,0a\\ '), min_size=1, max_size=10),
    st.datetimes().map(str),
    st.dates().map(str),
    st.floats().map(repr),
    st.integers().map(str),
    st.sampled_from(
        ["1e-400", "1e400", "0000-01-01", "9999-12-31T23:59:59-12:00", "24:00", "23:59:60", "2024-01-31 10"]
    ),
).filter(lambda text: text == text.strip() != "")

KINDS: list[tuple[Callable[[], Candidate], Callable[[dict[str, Any]], LogicalType]]] = [
    (NumberCandidate, lambda facts: LogicalType.DOUBLE),
    (IsoCandidate, lambda facts: LogicalType(facts["type"])),
    (UuidCandidate, lambda facts: LogicalType.UUID),
    (TimeCandidate, lambda facts: LogicalType.TIME),
    (JsonCandidate, lambda facts: LogicalType.JSON),
]


def series(*texts: str) -> pl.Series:
    return pl.Series("c", texts, dtype=pl.String)


def learnt(candidate: Candidate, *portions: list[str]) -> tuple[dict[str, Any], list[str]]:
    """What was learnt, and the misfits."""
    misfits = [text for portion in portions for text in candidate.look(series(*portion))]
    return candidate.result(), misfits


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), st.lists(st.lists(TEXTS, min_size=1, max_size=8), min_size=1, max_size=3))
@example(KINDS[0], [["1e-400", "1"]])
@example(KINDS[1], [["2024-01-31"], ["2024-01-31T10:00:00"], ["2024-01-31"]])
def test_the_parser_loads_what_a_candidate_takes(
    kind: tuple[Callable[[], Candidate], Callable[[dict[str, Any]], LogicalType]], portions: list[list[str]]
) -> None:
    make, type_of = kind
    facts, misfits = learnt(make(), *portions)
    taken = series(*(text for portion in portions for text in portion if text not in misfits))
    parser = parser_of(TargetType(type_of(facts)), non_finite=True)
    assert taken.filter(parser.full(taken).is_null()).to_list() == []


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=12), st.integers(1, 11))
def test_portions_make_no_difference_to_numbers(texts: list[str], cut: int) -> None:
    at_once, in_two = learnt(NumberCandidate(), texts), learnt(NumberCandidate(), texts[:cut], texts[cut:])
    facts = ["whole", "min", "max", "leadingZeros", "plusSigns", "beyond64Bits", "exponents"]
    if not at_once[0]["exponents"]:  # with exponents nobody asks for the number of decimals
        facts += ["minScale", "maxScale"]
    assert sorted(at_once[1]) == sorted(in_two[1])
    assert {fact: at_once[0][fact] for fact in facts} == {fact: in_two[0][fact] for fact in facts}


def test_what_a_number_candidate_learns() -> None:
    facts, misfits = learnt(NumberCandidate(), ["1", "-20"], ["3.25", "+4.5", "007", "1e3", "abc", "inf"])
    assert misfits == ["abc"]
    assert (facts["whole"], facts["min"], facts["max"]) == (False, -20.0, 1000.0)
    assert (facts["minScale"], facts["maxScale"], facts["leadingZeros"], facts["plusSigns"]) == (1, 2, 1, 1)
    assert (facts["exponents"], facts["specials"]) == (True, {"inf": 1})


@pytest.mark.parametrize(
    ("portions", "expected"),
    [
        ([["2024-01-31"]], "date"),
        ([["2024-01-31"], ["2024-01-31T10:00"]], "timestamp"),
        ([["2024-01-31T10:00Z"], ["2024-01-31 10:00+01"]], "timestamptz"),
    ],
)
def test_iso_candidates_grow(portions: list[list[str]], expected: str) -> None:
    facts, misfits = learnt(IsoCandidate(), *portions)
    assert (facts["type"], misfits) == (expected, [])


def test_numbers_of_local_spellings_are_known_by_their_shapes() -> None:
    facts, misfits = learnt(LocalNumberCandidate(), ["1.234,50 €", "9.876,50 €", "0,5 €", "abc"])
    assert misfits == ["abc"]
    assert facts == {"shapes": {"0,0 €": 1, "0.000,00 €": 2}, "leadingZeros": 0, "decimalMarks": [","]}


def test_plain_numbers_have_shapes_too() -> None:
    plain = NumberCandidate()
    plain.look(series("-5", "12.50", "7.125"))
    shapes = shapes_of_plain_numbers(plain.result())
    assert shapes is not None
    assert shapes.keys() >= {"0", "-0", "00.00", "0.000"}


def test_orders_of_dates_fall_by_the_values() -> None:
    candidates = date_candidates(["01/02/2024", "03/04/2024"])
    assert [item.kind for item in candidates] == ["date:%d/%m/%Y", "date:%m/%d/%Y"]
    left = [item.kind for item in candidates if not len(item.look(series("01/02/2024", "12/31/2024")))]
    assert left == ["date:%m/%d/%Y"]


def test_texts_that_are_no_dates_have_no_candidates() -> None:
    assert date_candidates(["Ada", "1.5", "12", "2024"]) == []


def test_times_of_day_are_learnt_as_they_come() -> None:
    candidate = LocalDateCandidate("%d.%m.%Y")
    facts, misfits = learnt(
        candidate, ["31.01.2024"], ["31.01.2024 10:00", "31.01.2024 10:00:05"], ["31.01.2024 25:00"]
    )
    assert misfits == ["31.01.2024 25:00"]
    assert facts["type"] == "timestamp"
    assert facts["formats"] == ["%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"]


def test_misfits_are_hopeless_if_they_are_many_or_many_different_ones() -> None:
    few, many, different = Misfits(), Misfits(), Misfits()
    few.add(series(*["a"] * 1_000))
    many.add(series(*["a"] * 1_001))
    different.add(series(*(f"a{number}" for number in range(FEW_MISFITS + 1))))
    assert [item.are_hopeless(5_000) for item in (few, many, different)] == [False, True, True]
    assert not many.are_hopeless(1_000_000)
    assert few.examples == {"a": 1_000}
