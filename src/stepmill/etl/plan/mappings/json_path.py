"""JSON_PATH: one value out of a JSON document."""

import json
import re
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import AfterValidator, Field

from stepmill.etl.plan.base import PlanModel
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.values.json import is_json
from stepmill.etl.values.parser import Problem, shown

_STEP = r"(?:\.[A-Za-z_][A-Za-z0-9_\-]*|\['[^'\\\x00-\x1f]+'\]|\[[0-9]{1,6}\])"
_PATH = re.compile(rf"\$(?:{_STEP})+")
_PARTS = re.compile(r"\.([^.\[]+)|\['([^']+)'\]|\[([0-9]+)\]")
_MAY_BE_INEXACT = r"[0-9]\.[0-9]|[0-9]{15}|[0-9][eE]|^[\[{]"


def _check(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError("a path looks like $.items[0].name or $['first name']")
    return path


class JsonPath(PlanModel):
    """Takes one value by its path; an object or array stays JSON."""

    kind: Literal["JSON_PATH"]
    path: Annotated[str, Field(max_length=500), AfterValidator(_check)]
    """Steps from ``$``: ``.name``, ``['any name']`` and ``[0]``. No wildcards, filters or expressions."""
    missing: Literal["reject", "null"] = "null"
    """What happens to a row whose document has no such value. One that is no JSON is rejected in any case."""


def compile(mapping: JsonPath, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Search; where the engine would spell a number anew, the value is taken from the document's own text."""
    found = text.str.json_path_match(mapping.path)
    parts = [name or quoted or int(index) for name, quoted, index in _PARTS.findall(mapping.path)]
    exact = pl.struct(text.alias("document"), found.alias("found")).map_batches(
        lambda both: _as_written(both, parts), return_dtype=pl.String
    )
    expects = text if mapping.missing == "reject" else pl.when(~is_json(text)).then(text)
    return Mapped(exact, expects=expects, explain=lambda raw: _not_found(mapping, raw))


def _as_written(both: pl.Series, parts: list[str | int]) -> pl.Series:
    found = both.struct.field("found")
    doubtful = found.str.contains(_MAY_BE_INEXACT).arg_true()
    if doubtful.is_empty():
        return found
    documents = both.struct.field("document").gather(doubtful)
    return found.scatter(doubtful, [_walk(document, parts) for document in documents])


def _walk(document: str, parts: list[str | int]) -> str | None:
    value: Any = json.loads(document, parse_float=_Number, parse_int=_Number)
    for part in parts:
        value = value[part]
    if isinstance(value, _Number):
        return str(value)
    return _dumps(value) if isinstance(value, dict | list) else value


class _Number(str):
    """A number as the document spells it."""

    __slots__ = ()


def _dumps(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_dumps(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(_dumps(item) for item in value) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _not_found(mapping: JsonPath, raw: str) -> Problem:
    return Problem("no_match", f"{shown(raw)} is not JSON, or has nothing at {mapping.path}.")
