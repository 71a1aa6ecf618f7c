"""Tables of a model's fields, from its JSON Schema."""

import json
from collections.abc import Mapping
from typing import Any

_REQUIRED = "required"
_LISTED = 12
_ANY_TEXT = 10_000
"""Characters that any text may have; a limit that goes without saying in each row."""

_UNIONS: dict[frozenset[str], str] = {
    frozenset({"Trim", "Case", "Replace"}): "[TRIM](#trim), [CASE](#case) or [REPLACE](#replace)",
    frozenset({"ColumnOperand", "ValueOperand"}): "[operand](#operands)",
    frozenset({"NumberColumn", "NumberValue", "Calculation"}): "[term](#arithmetic)",
}
_LINKS: dict[str, str] = {
    "SourceFormat": "[source](#source)",
    "PlanColumn": "[column](#columns)",
    "LogicalType": "[type](#types)",
    "Filter": "[filter](#filters-and-conditions)",
    "RejectLimit": "number or [limit](#limit-of-rejects)",
    "Note": "[note](#notes)",
    "Calculation": "[calculation](#arithmetic)",
    "LookupRow": "[row](#lookup)",
}


def field_table(definitions: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A row for each field: its name, type with limits, default and description. Its kind is not repeated."""
    rows = ["| field | is | default | |", "| --- | --- | --- | --- |"]
    for name, field in schema["properties"].items():
        if name == "kind" or (name == "test" and "const" in field):
            continue
        default = _REQUIRED if name in schema.get("required", ()) else _default(field)
        rows.append(f"| `{name}` | {type_of(definitions, field)} | {default} | {field.get('description', '')} |")
    return "\n".join(rows)


def type_of(definitions: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    """What a field takes, in words."""
    if "$ref" in field:
        return _link(definitions, {field["$ref"].rpartition("/")[2]})
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return " \\| ".join(map(_code, field["enum"])) if len(field["enum"]) <= _LISTED else "one of those below"
    for kind in ("anyOf", "oneOf"):
        if kind in field:
            return _any_of(definitions, field[kind], is_optional="default" in field)
    return _plain(definitions, field)


def _any_of(definitions: Mapping[str, Any], choices: list[dict[str, Any]], *, is_optional: bool) -> str:
    if all("$ref" in choice for choice in choices):
        return _link(definitions, {choice["$ref"].rpartition("/")[2] for choice in choices})
    types = [type_of(definitions, choice) for choice in choices if not (is_optional and choice.get("type") == "null")]
    if "integer" in types and "number" in types:
        types.remove("integer")
    return " or ".join(types)


def _link(definitions: Mapping[str, Any], names: set[str]) -> str:
    if frozenset(names) in _UNIONS:
        return _UNIONS[frozenset(names)]
    if len(names) == 1:
        return _LINKS[next(iter(names))]
    shared = {key for key in ("kind", "test") if all(key in definitions[name]["properties"] for name in names)}
    return {"kind": "[mapping](#mappings)", "test": "[condition](#filters-and-conditions)"}[shared.pop()]


def _plain(definitions: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    if field["type"] == "array":
        return f"list{_limits(field, 'minItems', 'maxItems')} of {type_of(definitions, field['items'])}"
    if field["type"] == "object":
        return f"object: text to {type_of(definitions, field['additionalProperties'])}"
    if field["type"] == "string":
        limited = field if field.get("maxLength") != _ANY_TEXT else {**field, "maxLength": None}
        return f"text{_limits(limited, 'minLength', 'maxLength')}"
    if "exclusiveMaximum" in field:
        return f"{field['type']} ({field['minimum']} to below {field['exclusiveMaximum']})"
    return f"{field['type']}{_limits(field, 'minimum', 'maximum')}"


def _code(value: str) -> str:
    """A text as code; spaces of a special kind by their number."""
    return f"`{value}`" if value == " " or not value.isspace() else f"U+{ord(value):04X}"


def _limits(field: Mapping[str, Any], least: str, most: str) -> str:
    """Limits in figures; that a text is not empty goes without saying."""
    low, high = field.get(least), field.get(most)
    if field.get("type") == "string" and low == 1:
        low = None
    unit = " characters" if field.get("type") == "string" else ""
    if low is not None and high is not None:
        return f" ({low:,} to {high:,}{unit})"
    if low is not None:
        return f" (at least {low:,}{unit})"
    return f" (at most {high:,}{unit})" if high is not None else ""


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    if value is None:
        return ""
    if isinstance(value, dict) and "kind" in value:
        return f"`{value['kind']}`"
    return "empty" if value in ([], "") else f"`{json.dumps(value) if not isinstance(value, str) else value}`"
