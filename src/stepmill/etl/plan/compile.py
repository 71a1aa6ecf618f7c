"""From a plan to columnar expressions, ready to be applied to block after block."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

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

    @cached_property
    def source_columns(self) -> tuple[str, ...]:
        """The source columns that a block must have."""
        return self.plan.source_columns

    @cached_property
    def texts(self) -> tuple[pl.Expr, ...]:
        """Columns ``t…`` with the texts to read, ``e…`` with what mappings expect, and ``v…`` that are typed already.

        Made once, as are those that follow: to build them takes as long as to apply them to a hundred rows.
        """
        height = pl.int_range(pl.len()).alias("height")  # lets constants spread over all rows
        texts: list[pl.Expr] = [height]
        for index, item in enumerate(self.columns):
            if item.mapped.expects is not None:
                texts.append(item.mapped.expects.alias(f"e{index}"))
            texts.append(item.mapped.value.alias(f"{'v' if item.parser is None else 't'}{index}"))
        return tuple(texts)

    @cached_property
    def values(self) -> tuple[pl.Expr, ...]:
        """Columns ``v…`` with the values of the texts."""
        return tuple(
            item.parser.fast(pl.col(f"t{index}")).alias(f"v{index}")
            for index, item in enumerate(self.columns)
            if item.parser is not None
        )

    @cached_property
    def padded(self) -> tuple[pl.Expr, ...]:
        """For each column of plain numbers, by its number, whether a text may have zeros in front of it."""
        return tuple(
            _may_be_padded(pl.col(f"t{index}")).any().alias(str(index))
            for index, item in enumerate(self.columns)
            if item.parser is not None and isinstance(item.column.mapping, Direct) and item.column.type.is_number
        )

    @cached_property
    def doubts(self) -> tuple[pl.Expr, ...]:
        """For each column, by its number, whether a value is missing that should be there, or may differ from its text.

        Not of columns where that can't be.
        """
        return tuple(sign.alias(str(index)) for index, item in enumerate(self.columns) for sign in _doubts(item, index))

    def missing_columns(self, present: Iterable[str]) -> list[str]:
        """The source columns that the plan needs and a source does not have."""
        there = set(present)
        return [name for name in self.source_columns if name not in there]


@lru_cache(maxsize=16)
def compiled_plan(plan: str) -> CompiledPlan:
    """The compiled form of a plan given as JSON text. Many small files follow each other by the same plan."""
    return compile_plan(TransformPlan.model_validate_json(plan))


def _may_be_padded(text: pl.Expr) -> pl.Expr:
    """Cheap to tell, and hardly ever true."""
    return text.str.starts_with("0") & (text.str.len_bytes() > 1) & ~text.str.starts_with("0.")


def _doubts(item: CompiledColumn, index: int) -> list[pl.Expr]:
    value = pl.col(f"v{index}")
    signs: list[pl.Expr] = []
    if item.parser is not None:
        text = pl.col(f"t{index}")
        signs.append(value.null_count() > text.null_count())
        doubtful = item.parser.doubtful(text, value)
        if doubtful is not None:
            signs.append(doubtful.any())
    if item.mapped.expects is not None:
        outcome = value if item.parser is None else pl.col(f"t{index}")
        signs.append((pl.col(f"e{index}").is_not_null() & outcome.is_null()).any())
    if item.required:
        signs.append(value.null_count() > 0)
    return [pl.any_horizontal(signs)] if signs else []


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
