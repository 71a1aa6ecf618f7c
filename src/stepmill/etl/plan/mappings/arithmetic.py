"""ARITHMETIC: plus, minus, times and divided by, over columns and constants."""

from typing import Annotated, Any, Literal, Union

import polars as pl
from pydantic import Discriminator, StrictFloat, StrictInt, Tag

from stepmill.etl.plan.base import PlanModel, SourceName
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.plan.types import LogicalType, TargetType
from stepmill.etl.values.parser import Problem

_WORKING_SCALE = 10
_DIGITS = 38


class NumberColumn(PlanModel):
    """The number in a source column."""

    column: SourceName
    """Name of the source column; its numbers are spelled with a decimal point."""


class NumberValue(PlanModel):
    """The same number in every row."""

    value: StrictInt | StrictFloat
    """The constant."""


class Calculation(PlanModel):
    """Two terms and what to do with them."""

    operation: Literal["add", "subtract", "multiply", "divide"]
    """What to do."""
    left: "Term"
    """The first term."""
    right: "Term"
    """The second term."""


def _which(data: Any) -> str:
    if isinstance(data, dict):
        return "<column>" if "column" in data else "<value>" if "value" in data else "<calculation>"
    if isinstance(data, NumberColumn):
        return "<column>"
    return "<value>" if isinstance(data, NumberValue) else "<calculation>"


Term = Annotated[
    Union[  # noqa: UP007 - a forward reference can't be joined by |
        Annotated[NumberColumn, Tag("<column>")],
        Annotated[NumberValue, Tag("<value>")],
        Annotated["Calculation", Tag("<calculation>")],
    ],
    Discriminator(_which),
]
Calculation.model_rebuild()


class Arithmetic(PlanModel):
    """Reckons: whole numbers exactly, decimals with ten decimals on the way, doubles as doubles."""

    kind: Literal["ARITHMETIC"]
    calculation: Calculation
    """What is reckoned. A term is ``{"column": …}``, ``{"value": …}`` or a calculation. A missing number gives null."""

    def divides(self) -> bool:
        """Whether there is a division in it."""
        return any(step.operation == "divide" for step in _steps(self.calculation))

    def source_columns(self) -> tuple[str, ...]:
        """The source columns among the terms."""
        terms = [term for step in _steps(self.calculation) for term in (step.left, step.right)]
        return tuple(term.column for term in terms if isinstance(term, NumberColumn))


def compile(mapping: Arithmetic, scope: Scope) -> Mapped:  # noqa: A001
    """Reckon; an overflow, a division by zero or an operand that is no number gives no value and is refused."""
    value = _term(mapping.calculation, scope)
    if scope.target.logical is not LogicalType.DOUBLE:
        value = value.cast(scope.target.dtype, strict=False)
    texts = [scope.text(column) for column in dict.fromkeys(mapping.source_columns())]
    complete = pl.all_horizontal([text.is_not_null() for text in texts]) if texts else pl.lit(value=True)
    shown_terms = pl.concat_str(texts, separator=", ") if texts else pl.lit("constants")
    return Mapped(value, typed=True, expects=pl.when(complete).then(shown_terms), explain=_not_computable)


def _steps(calculation: Calculation) -> list[Calculation]:
    inner = [term for term in (calculation.left, calculation.right) if isinstance(term, Calculation)]
    return [calculation, *(step for term in inner for step in _steps(term))]


def _term(term: "Term", scope: Scope) -> pl.Expr:
    if isinstance(term, Calculation):
        return _calculate(term.operation, _term(term.left, scope), _term(term.right, scope), scope.target)
    text = pl.lit(str(term.value)) if isinstance(term, NumberValue) else scope.text(term.column).str.strip_chars()
    if scope.target.logical is LogicalType.DOUBLE:
        return text.cast(pl.Float64, strict=False)
    if scope.target.logical is LogicalType.INTEGER:
        return text.cast(pl.Int64, strict=False).cast(pl.Int128)
    scale = _working_scale(scope.target)
    exact = pl.when(text.str.contains(rf"^[+-]?[0-9]*\.?[0-9]{{0,{scale}}}0*$")).then(text)
    return exact.cast(pl.Decimal(_DIGITS, scale), strict=False)


def _working_scale(target: TargetType) -> int:
    return max(target.scale, _WORKING_SCALE)


def _calculate(operation: str, left: pl.Expr, right: pl.Expr, target: TargetType) -> pl.Expr:
    if target.logical is LogicalType.DOUBLE:
        value = _apply(operation, left, right)
        return pl.when(value.is_finite()).then(value)
    if target.logical is LogicalType.INTEGER:
        return _apply(operation, left, right).cast(pl.Int64, strict=False).cast(pl.Int128)
    estimate = _apply(operation, left.cast(pl.Float64), right.cast(pl.Float64))
    bound = 10.0 ** (_DIGITS - _working_scale(target) - 1)
    safe = estimate.is_finite() & (estimate.abs() < bound)
    return _apply(operation, pl.when(safe).then(left), pl.when(safe).then(right))


def _apply(operation: str, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    if operation == "add":
        return left + right
    if operation == "subtract":
        return left - right
    return left * right if operation == "multiply" else left / right


def _not_computable(raw: str) -> Problem:
    return Problem("not_computable", f"There is no result for {raw}: no number, out of range, or a division by zero.")
