"""All kinds of mapping as one type, told apart by ``kind``, and the way from a mapping to its compiler."""

from collections.abc import Callable
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from stepmill.etl.plan.mappings import (
    arithmetic,
    boolean_map,
    case,
    coalesce,
    concat,
    constant,
    date_format,
    direct,
    enum_map,
    epoch,
    hash,  # noqa: A004 - named after its kind
    if_else,
    json_object,
    json_path,
    lookup,
    number_format,
    regex_extract,
    replace,
    split,
    trim,
    unit_convert,
)
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.plan.types import LogicalType

OneColumnMapping = (
    direct.Direct
    | date_format.DateFormat
    | epoch.Epoch
    | number_format.NumberFormat
    | boolean_map.BooleanMap
    | enum_map.EnumMap
    | split.Split
    | regex_extract.RegexExtract
    | trim.Trim
    | case.Case
    | replace.Replace
    | json_path.JsonPath
    | unit_convert.UnitConvert
)
"""Kinds that work on the column's ``source``."""

ManyColumnsMapping = (
    constant.Constant
    | concat.Concat
    | coalesce.Coalesce
    | if_else.If
    | lookup.Lookup
    | hash.Hash
    | arithmetic.Arithmetic
    | json_object.JsonObject
)
"""Kinds that name the source columns they take, if any, themselves."""

Mapping = Annotated[OneColumnMapping | ManyColumnsMapping, Field(discriminator="kind")]
"""How a column's value is made."""

CleanUp = Annotated[trim.Trim | case.Case | replace.Replace, Field(discriminator="kind")]
"""What can be done to a source's text before its mapping."""

_NUMBERS = frozenset({LogicalType.INTEGER, LogicalType.NUMERIC, LogicalType.DOUBLE})
_MOMENTS = frozenset({LogicalType.DATE, LogicalType.TIMESTAMP, LogicalType.TIMESTAMPTZ})

TYPES_OF: dict[type, frozenset[LogicalType]] = {
    date_format.DateFormat: _MOMENTS,
    epoch.Epoch: _MOMENTS,
    number_format.NumberFormat: _NUMBERS,
    boolean_map.BooleanMap: frozenset({LogicalType.BOOLEAN}),
    arithmetic.Arithmetic: _NUMBERS,
    unit_convert.UnitConvert: frozenset({LogicalType.DOUBLE}),
    hash.Hash: frozenset({LogicalType.TEXT}),
    json_object.JsonObject: frozenset({LogicalType.JSON}),
}
"""The types that a kind can give, where these are not all."""

_ON_TEXT: dict[type, Callable[[Any, pl.Expr, Scope], Mapped]] = {
    direct.Direct: direct.compile,
    date_format.DateFormat: date_format.compile,
    epoch.Epoch: epoch.compile,
    number_format.NumberFormat: number_format.compile,
    boolean_map.BooleanMap: boolean_map.compile,
    enum_map.EnumMap: enum_map.compile,
    split.Split: split.compile,
    regex_extract.RegexExtract: regex_extract.compile,
    trim.Trim: trim.compile,
    case.Case: case.compile,
    replace.Replace: replace.compile,
    json_path.JsonPath: json_path.compile,
    unit_convert.UnitConvert: unit_convert.compile,
}

_ON_SCOPE: dict[type, Callable[[Any, Scope], Mapped]] = {
    constant.Constant: constant.compile,
    concat.Concat: concat.compile,
    coalesce.Coalesce: coalesce.compile,
    if_else.If: if_else.compile,
    lookup.Lookup: lookup.compile,
    hash.Hash: hash.compile,
    arithmetic.Arithmetic: arithmetic.compile,
    json_object.JsonObject: json_object.compile,
}


def compile_on_text(mapping: OneColumnMapping, text: pl.Expr, scope: Scope) -> Mapped:
    """A mapping of one source column, applied to its text."""
    return _ON_TEXT[type(mapping)](mapping, text, scope)


def compile_on_scope(mapping: ManyColumnsMapping, scope: Scope) -> Mapped:
    """A mapping that names its source columns itself."""
    return _ON_SCOPE[type(mapping)](mapping, scope)
