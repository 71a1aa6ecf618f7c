"""The page on the transform plan: a hand-written template, filled with what the model and the compiler say."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from docs.generator.plan_examples import EXAMPLES, WORKED_PLAN, WORKED_SOURCE, WRONG_PLAN, Example
from docs.generator.plan_results import example_table, shown, type_records
from docs.generator.plan_schema import plan_schema
from docs.generator.tables import field_table

from stepmill.errors import InputError
from stepmill.etl.plan.mappings.date_directives import DIRECTIVES
from stepmill.etl.plan.mappings.unit_convert import Unit
from stepmill.etl.plan.parse import parse_plan
from stepmill.etl.plan.types import LogicalType, TargetType

_TEMPLATE = Path(__file__).with_name("transform-plan.md.in")
_PLACE = re.compile(r"^\{\{(\w+)(?: (\w+))?\}\}$", re.M)
_WIDTH = 100


def plan_page() -> str:
    """The whole page."""
    definitions = plan_schema()["$defs"]
    parts: dict[str, Callable[..., str]] = {
        "fields": lambda name: field_table(definitions, _object(definitions, name)),
        "mappings": lambda: _mappings(definitions),
        "conditions": lambda: _conditions(definitions),
        "types": _types,
        "source": lambda: _fenced("text", WORKED_SOURCE),
        "plan": lambda: _json(WORKED_PLAN),
        "rows": _worked_rows,
        "rejects": _worked_rejects,
        "wrong": lambda: _json(WRONG_PLAN),
        "errors": _errors,
    }
    return _PLACE.sub(lambda match: parts[match[1]](*filter(None, [match[2]])), _TEMPLATE.read_text())


def _object(definitions: dict[str, Any], name: str) -> dict[str, Any]:
    """The schema of an object; of one that may also be a number, the object."""
    schema: dict[str, Any] = plan_schema() if name == "TransformPlan" else definitions[name]
    return schema if "properties" in schema else next(each for each in schema["anyOf"] if "properties" in each)


def _mappings(definitions: dict[str, Any]) -> str:
    schemas = {
        schema["properties"]["kind"]["const"]: schema
        for schema in definitions.values()
        if "kind" in schema.get("properties", {})
    }
    return "\n\n".join(_mapping(definitions, kind, schemas[kind]) for kind in _in_order(schemas))


def _in_order(schemas: dict[str, Any]) -> list[str]:
    """The kinds in the order of their examples. One without an example, or the other way round, is an error."""
    missing = set(schemas) ^ set(EXAMPLES)
    if missing:
        raise LookupError(f"Either no example or no such kind: {sorted(missing)}")
    return list(EXAMPLES)


def _mapping(definitions: dict[str, Any], kind: str, schema: dict[str, Any]) -> str:
    parts = [f"### {kind}", schema["description"]]
    if len(schema["properties"]) > 1:
        parts.append(field_table(definitions, schema))
    parts += [
        _inner(definitions, name) for name in {"LOOKUP": ["LookupRow"], "ARITHMETIC": ["Calculation"]}.get(kind, [])
    ]
    if kind == "DATE_FORMAT":
        parts.append(f"Directives:\n\n{_directives()}")
    if kind == "UNIT_CONVERT":
        parts.append(f"Units: {', '.join(f'`{unit}`' for unit in get_args(Unit))}.")
    parts += [_example(example) for example in EXAMPLES[kind]]
    return "\n\n".join(parts)


def _inner(definitions: dict[str, Any], name: str) -> str:
    return f"{definitions[name]['description']}\n\n{field_table(definitions, definitions[name])}"


def _example(example: Example) -> str:
    return f"{_json({'name': 'value', **example.column})}\n\n{example_table(example)}"


def _conditions(definitions: dict[str, Any]) -> str:
    parts = []
    for schema in definitions.values():
        test = schema.get("properties", {}).get("test")
        if test is not None:
            names = ", ".join(f"`{name}`" for name in test.get("enum", [test.get("const")]))
            parts.append(f"**{names}**: {schema['description']}\n\n{field_table(definitions, schema)}")
    return "\n\n".join(parts)


def _types() -> str:
    rows = ["| type | in PostgreSQL |", "| --- | --- |"]
    for kind in LogicalType:
        sql = "numeric(precision,scale)" if kind is LogicalType.NUMERIC else TargetType(kind).sql
        rows.append(f"| `{kind.value}` | `{sql}` |")
    return "\n".join(rows)


def _directives() -> str:
    rows = ["| directive | stands for |", "| --- | --- |"]
    rows += [f"| `{directive}` | {facts.meaning} |" for directive, facts in DIRECTIVES.items()]
    return "\n".join(rows)


def _worked_rows() -> str:
    plan = parse_plan(WORKED_PLAN)
    rows = [f"| {' | '.join(column.view_name for column in plan.columns)} |", "| --- " * len(plan.columns) + "|"]
    rows += [
        "| " + " | ".join(shown(plan, name, value) for name, value in row.items()) + " |"
        for row in _worked().frame.iter_rows(named=True)
    ]
    return "\n".join(rows)


def _worked_rejects() -> str:
    rows = ["| line | column | code | reason |", "| --- | --- | --- | --- |"]
    rows += [f"| {each.line} | `{each.column}` | `{each.code}` | {each.reason} |" for each in _worked().rejects]
    return "\n".join(rows)


def _worked() -> Any:
    records = list(csv.DictReader(WORKED_SOURCE.splitlines(), delimiter=";"))
    return type_records(parse_plan(WORKED_PLAN), records)


def _errors() -> str:
    try:
        parse_plan(WRONG_PLAN)
    except InputError as error:
        rows = ["| pointer | message |", "| --- | --- |"]
        return "\n".join(rows + [f"| `{each.pointer}` | {each.message} |" for each in error.errors])
    raise AssertionError("the plan that shows errors has none")


def _json(data: Any) -> str:
    return _fenced("json", _pretty(data))


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _pretty(data: Any, indent: int = 0) -> str:
    """JSON in which what fits on a line stands on one."""
    flat = json.dumps(data, ensure_ascii=False)
    if len(flat) + indent <= _WIDTH or not isinstance(data, dict | list) or not data:
        return flat
    inner, pad = indent + 2, " " * (indent + 2)
    if isinstance(data, dict):
        items = [f"{json.dumps(key, ensure_ascii=False)}: {_pretty(value, inner)}" for key, value in data.items()]
    else:
        items = [_pretty(value, inner) for value in data]
    opening, closing = ("{", "}") if isinstance(data, dict) else ("[", "]")
    return f"{opening}\n{pad}" + f",\n{pad}".join(items) + f"\n{' ' * indent}{closing}"
