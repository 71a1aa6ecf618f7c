"""Plans as documents: which are valid, what is said of those that are not, and that none can do harm."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from stepmill.errors import InputError
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.parse import dump_plan, parse_plan
from tests.etl.support import one_column, plan_of, typed

HERE = Path(__file__).parent
VALID = sorted((HERE / "valid").glob("*.json"))
INVALID = sorted((HERE / "invalid").glob("*.json"))


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def refusal_of(data: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_plan(data)
    assert caught.value.code == "invalid_plan"
    return caught.value


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_plans_come_back_as_they_were(path: Path) -> None:
    plan = parse_plan(read(path))
    assert parse_plan(json.loads(json.dumps(dump_plan(plan)))) == plan
    assert TransformPlan.model_validate(plan.model_dump(mode="json")) == plan


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_of_invalid_plans_it_is_said_where_and_why(path: Path) -> None:
    document = read(path)
    error = refusal_of(document["plan"])
    assert [{"pointer": item.pointer, "message": item.message} for item in error.errors] == document["errors"]
    assert document["errors"][0]["message"] in error.message


def test_every_wrong_place_is_named() -> None:
    plan = {"source": {"format": "csv", "columns": ["a"]}, "columns": [{"name": "", "type": "x"}], "more": 1}
    pointers = [item.pointer for item in refusal_of(plan).errors]
    assert pointers == ["/columns/0/name", "/columns/0/type", "/more"]


def test_a_plan_of_100_000_columns_is_refused() -> None:
    columns = [{"name": f"c{number}", "type": "text", "source": "a"} for number in range(100_000)]
    refused = refusal_of({"source": {"format": "csv", "columns": ["a"]}, "columns": columns})
    assert [item.pointer for item in refused.errors] == ["/columns"]


def test_a_plan_of_too_many_values_is_refused_unseen() -> None:
    assert "at most 500,000 values" in refusal_of({"columns": [[0] * 1_000] * 1_000}).message


@pytest.mark.parametrize("depth", [40, 100_000])
def test_a_plan_of_too_many_levels_is_refused_unseen(depth: int) -> None:
    data: Any = 0
    for _ in range(depth):
        data = {"not": data}
    assert "at most 40 levels" in refusal_of(data).message


def test_conditions_may_be_nested_as_deep_as_a_plan_may_be() -> None:
    where: dict[str, Any] = {"test": "isNull", "column": "a"}
    for _ in range(35):
        where = {"test": "not", "condition": where}
    plan = plan_of(["a"], {"source": "a", "type": "text"}, filters=[{"action": "keep", "where": where}])
    assert typed(plan, {"a": ["x", ""]}).filtered == 1


def test_a_pattern_that_would_take_ages_elsewhere_is_harmless() -> None:
    mapping = {"kind": "REGEX_EXTRACT", "pattern": "(a+)+$", "missing": "null"}
    text = "a" * 50_000 + "b"
    assert one_column([text], type="text", mapping=mapping).frame["c"].to_list() == [None]


def test_a_json_schema_can_be_made_and_knows_every_kind_of_mapping() -> None:
    schema = TypeAdapter(TransformPlan).json_schema(by_alias=True)
    text = json.dumps(schema)
    assert schema["properties"].keys() >= {"source", "columns", "maxRejects", "timeColumn"}
    for kind in ("DIRECT", "DATE_FORMAT", "NUMBER_FORMAT", "ARITHMETIC", "LOOKUP", "UNIT_CONVERT"):
        assert f'"const": "{kind}"' in text
