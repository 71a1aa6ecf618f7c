"""From JSON data to a plan, with an error for each wrong place."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stepmill.errors import FieldError, InputError
from stepmill.etl.plan.model import TransformPlan

_MAX_DEPTH = 40
_MAX_VALUES = 500_000
_MAX_ERRORS = 100


def parse_plan(data: Any) -> TransformPlan:
    """The plan that JSON data describes. InputError ``invalid_plan`` names every wrong place by a JSON pointer."""
    _check_size(data)
    try:
        return TransformPlan.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = list(dict.fromkeys(_field_errors(error, data)))[:_MAX_ERRORS]
        first = errors[0]
        message = f"The plan is not valid. {first.pointer or 'The plan'}: {first.message}."
        raise InputError("invalid_plan", message, errors=errors) from None


def stored_plan(data: Any) -> TransformPlan:
    """A plan that was parsed before it was stored: jobs that follow one another parse the same once."""
    return _parsed(orjson.dumps(data))


@lru_cache(maxsize=64)
def _parsed(text: bytes) -> TransformPlan:
    return parse_plan(orjson.loads(text))


def dump_plan(plan: TransformPlan) -> dict[str, Any]:
    """The plan as JSON data; what stands at its default is left out, save where the default may be worth knowing."""
    data: dict[str, Any] = plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    data["schemaVersion"] = plan.schema_version
    data["maxRejects"] = plan.max_rejects.model_dump(mode="json", by_alias=True, exclude_none=True)
    for column, dumped in zip(plan.columns, data["columns"], strict=True):
        dumped["mapping"] = {"kind": column.mapping.kind, **dumped.get("mapping", {})}
        dumped["nullable"] = column.nullable
    return data


def _check_size(data: Any) -> None:
    """Refuse what is too deep or too large before anything recursive looks at it."""
    level, seen = [data], 0
    for _ in range(_MAX_DEPTH):
        level = [inner for item in level for inner in _inner(item)]
        seen += len(level)
        if seen > _MAX_VALUES:
            raise InputError("invalid_plan", f"A plan has at most {_MAX_VALUES:,} values.")
        if not level:
            return
    raise InputError("invalid_plan", f"A plan is nested at most {_MAX_DEPTH} levels deep.")


def _inner(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _field_errors(error: ValidationError, data: Any) -> Iterator[FieldError]:
    items = error.errors(include_url=False, include_input=False)
    places = [item["loc"] for item in items]
    for item in items:
        place = item["loc"]
        if item["type"] == "too_short" and any(other[: len(place)] == place != other for other in places):
            continue  # what is wrong within was left out of the count
        pointer = _pointer(place, data, missing=item["type"] == "missing")
        yield FieldError(pointer + _within(item), _message(item))


def _within(item: ErrorDetails) -> str:
    """Where in the object an error about the whole object has its cause."""
    context = item.get("ctx", {})
    if item["type"] == "plan":
        return str(context["at"])
    discriminator = str(context.get("discriminator", ""))
    return "/" + discriminator.strip("'") if discriminator.startswith("'") else ""


def _pointer(location: tuple[int | str, ...], data: Any, *, missing: bool) -> str:
    """The JSON pointer of a place. Its location also names members of unions, which are no part of the data."""
    pointer = ""
    for index, step in enumerate(location):
        is_last = index == len(location) - 1
        is_key = isinstance(data, dict) and step in data
        is_index = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if is_key or is_index:
            data = data[step]
        elif not (missing and is_last):
            continue
        pointer += "/" + str(step).replace("~", "~0").replace("/", "~1")
    return pointer


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this object",
    "union_tag_not_found": "is missing",
    "model_type": "must be an object",
    "tuple_type": "must be an array",
    "dict_type": "must be an object",
}


_SHOULD = re.compile(r"^\w+ should")


def _message(item: ErrorDetails) -> str:
    kind = item["type"]
    if kind == "union_tag_invalid":
        return f"must be one of {item['ctx']['expected_tags'].replace(chr(39), '')}"
    if kind in ("value_error", "plan"):
        return item["msg"].removeprefix("Value error, ")
    return _WORDS.get(kind) or _SHOULD.sub("must", item["msg"].removesuffix(" after validation, not 0"))
