"""JSON_OBJECT: several source columns as one JSON object."""

import json
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from stepmill.etl.plan.base import MAX_SOURCE_COLUMNS, PlanModel, SourceName
from stepmill.etl.plan.scope import Mapped, Scope

_ESCAPES = {character: json.dumps(character)[1:-1] for character in ('"', "\\", *map(chr, range(32)))}


class JsonObject(PlanModel):
    """Puts source columns into one object, each value as the text that it is. A missing value is left out of it."""

    kind: Literal["JSON_OBJECT"]
    columns: Annotated[tuple[SourceName, ...], Field(min_length=1, max_length=MAX_SOURCE_COLUMNS)]
    """The source columns, whose names are the fields'."""

    def source_columns(self) -> tuple[str, ...]:
        """The source columns it takes."""
        return self.columns


def compile(mapping: JsonObject, scope: Scope) -> Mapped:  # noqa: A001
    """Write the fields that have values, one after another; null if none has."""
    fields = pl.concat_str([_field(name, scope) for name in mapping.columns], separator=",", ignore_nulls=True)
    return Mapped(pl.when(fields != "").then(pl.concat_str([pl.lit("{"), fields, pl.lit("}")])))


def _field(name: str, scope: Scope) -> pl.Expr:
    value = scope.text(name).str.replace_many(_ESCAPES)
    return pl.concat_str([pl.lit(f'{json.dumps(name, ensure_ascii=False)}:"'), value, pl.lit('"')])
