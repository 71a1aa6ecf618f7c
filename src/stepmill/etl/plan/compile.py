"""From a plan to columnar expressions, ready to be applied to block after block."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import polars as pl

from stepmill.etl.plan.mappings.direct import Direct
from stepmill.etl.plan.mappings.union import ManyColumnsMapping, compile_on_scope, compile_on_text
from stepmill.etl.plan.model import PlanColumn, TransformPlan
from stepmill.etl.plan.scope import Mapped, Scope, empty_as_null
from stepmill.etl.values.parser import ValueParser
from stepmill.etl.values.registry import parser_of


@dataclass(frozen=True)
class CompiledColumn:
    """One column of a plan as expressions. ``parser`` is None where the mapping gives typed values itself."""

    column: PlanColumn
    mapped: Mapped
    parser: ValueParser | None
    required: bool


@dataclass(frozen=True)
class CompiledPlan:
    """A plan as expressions over the text columns of a block. ``keep`` is None if there is no filter."""

    plan: TransformPlan
    columns: tuple[CompiledColumn, ...]
    keep: pl.Expr | None

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The source columns that a block must have."""
        return self.plan.source_columns

    def missing_columns(self, present: Iterable[str]) -> list[str]:
        """The source columns that the plan needs and a source does not have."""
        there = set(present)
        return [name for name in self.source_columns if name not in there]


@lru_cache(maxsize=16)
def compiled_plan(plan: str) -> CompiledPlan:
    """The compiled form of a plan given as JSON text. Many small files follow each other by the same plan."""
    return compile_plan(TransformPlan.model_validate_json(plan))


def compile_plan(plan: TransformPlan) -> CompiledPlan:
    """Compile each column and the filters."""
    keys = set(plan.key_columns)
    columns = tuple(_compile_column(plan, column, is_key=column.name in keys) for column in plan.columns)
    return CompiledPlan(plan, columns, _compile_filters(plan))


def _compile_column(plan: TransformPlan, column: PlanColumn, *, is_key: bool) -> CompiledColumn:
    scope = Scope(nulls=tuple(dict.fromkeys((*plan.null_values, *column.null_values))), target=column.target)
    mapped = _compile_mapping(column, scope)
    non_finite = isinstance(column.mapping, Direct) and column.mapping.non_finite
    parser = None if mapped.typed else parser_of(column.target, non_finite=non_finite)
    return CompiledColumn(column, mapped, parser, required=is_key or not column.nullable)


def _compile_mapping(column: PlanColumn, scope: Scope) -> Mapped:
    if isinstance(column.mapping, ManyColumnsMapping):
        return _with_empty_as_null(compile_on_scope(column.mapping, scope))
    text = scope.text(column.source or "")
    for clean_up in column.prepare:
        text = compile_on_text(clean_up, text, scope).value
    if column.prepare:
        text = scope.without_nulls(text)  # a clean-up may have uncovered one
    mapped = compile_on_text(column.mapping, text, scope)
    return mapped if isinstance(column.mapping, Direct) else _with_empty_as_null(mapped)


def _with_empty_as_null(mapped: Mapped) -> Mapped:
    """Nothing is no value whatever it comes from, which is no failure of the mapping."""
    if mapped.typed:
        return mapped
    expects = mapped.expects if mapped.expects is None else pl.when(mapped.value.is_null()).then(mapped.expects)
    return replace(mapped, value=empty_as_null(mapped.value), expects=expects)


def _compile_filters(plan: TransformPlan) -> pl.Expr | None:
    if not plan.filters:
        return None
    scope = Scope(nulls=plan.null_values, target=plan.columns[0].target)
    return pl.all_horizontal([item.compile(scope) for item in plan.filters])
