"""Filters: which records each test keeps."""

from typing import Any

import pytest

from tests.etl.support import plan_of, typed

TEXTS = ["10", "9", "abc", "", "Abc d"]

KEPT: dict[str, tuple[dict[str, Any], list[str]]] = {
    "isNull": ({"test": "isNull"}, [""]),
    "isNotNull": ({"test": "isNotNull"}, ["10", "9", "abc", "Abc d"]),
    "oneOf": ({"test": "oneOf", "values": ["9", "abc"]}, ["9", "abc"]),
    "noneOf": ({"test": "noneOf", "values": ["9", "abc"]}, ["10", "Abc d"]),
    "contains": ({"test": "contains", "text": "c"}, ["abc", "Abc d"]),
    "startsWith": ({"test": "startsWith", "text": "1"}, ["10"]),
    "endsWith": ({"test": "endsWith", "text": "c"}, ["abc"]),
    "matches": ({"test": "matches", "pattern": "^[0-9]$"}, ["9"]),
    "lessThan a number": ({"test": "lessThan", "value": 10}, ["9"]),
    "atMost a number": ({"test": "atMost", "value": 10}, ["10", "9"]),
    "greaterThan a text": ({"test": "greaterThan", "value": "9"}, ["abc", "Abc d"]),
    "atLeast a text": ({"test": "atLeast", "value": "9"}, ["9", "abc", "Abc d"]),
}


def kept(where: dict[str, Any], action: str = "keep") -> list[str]:
    plan = plan_of(["a"], {"source": "a", "type": "text"}, filters=[{"action": action, "where": where}])
    block = typed(plan, {"a": TEXTS})
    assert block.filtered == len(TEXTS) - block.frame.height
    return [text or "" for text in block.frame["a"]]


@pytest.mark.parametrize("case", KEPT)
def test_kept(case: str) -> None:
    test, expected = KEPT[case]
    assert kept({**test, "column": "a"}) == expected


@pytest.mark.parametrize("case", KEPT)
def test_dropped_are_the_others(case: str) -> None:
    test, expected = KEPT[case]
    assert kept({**test, "column": "a"}, "drop") == [text for text in TEXTS if text not in expected]


def test_conditions_combine() -> None:
    nine = {"test": "oneOf", "column": "a", "values": ["9"]}
    present = {"test": "isNotNull", "column": "a"}
    assert kept({"test": "all", "conditions": [nine, present]}) == ["9"]
    assert kept({"test": "any", "conditions": [nine, {"test": "not", "condition": present}]}) == ["9", ""]


def test_spellings_of_null_are_null_for_filters_too() -> None:
    where = {"test": "isNull", "column": "a"}
    column = {"source": "a", "type": "text"}
    plan = plan_of(["a"], column, nullValues=["abc"], filters=[{"action": "drop", "where": where}])
    assert typed(plan, {"a": TEXTS}).frame["a"].to_list() == ["10", "9", "Abc d"]
