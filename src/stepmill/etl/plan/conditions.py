"""Conditions over source columns, for filters and for the mapping IF. A comparison with a missing value is false."""

from collections.abc import Iterator
from functools import reduce
from typing import Annotated, Literal

import polars as pl
from pydantic import Field, StrictFloat, StrictInt

from stepmill.etl.plan.base import PlanModel, PlanText, SourceName
from stepmill.etl.plan.patterns import Pattern
from stepmill.etl.plan.scope import Scope


class Presence(PlanModel):
    """Whether a column has a value."""

    test: Literal["isNull", "isNotNull"]
    """Empty texts and those that the plan takes for null are null."""
    column: SourceName
    """The source column that is looked at."""

    def compile(self, scope: Scope) -> pl.Expr:
        """Test the text for null."""
        text = scope.text(self.column)
        return text.is_null() if self.test == "isNull" else text.is_not_null()


class Equality(PlanModel):
    """Whether a column's text is one of some texts."""

    test: Literal["oneOf", "noneOf"]
    """Whether it must be one of the texts or none of them. A missing value passes neither."""
    column: SourceName
    """The source column that is looked at."""
    values: Annotated[tuple[PlanText, ...], Field(min_length=1, max_length=10_000)]
    """The texts, compared exactly."""

    def compile(self, scope: Scope) -> pl.Expr:
        """Compare exactly."""
        found = scope.text(self.column).is_in(list(self.values))
        return (found if self.test == "oneOf" else ~found).fill_null(value=False)


class Containment(PlanModel):
    """Whether a column's text has a text in it, at its beginning or at its end."""

    test: Literal["contains", "startsWith", "endsWith"]
    """Where the text is looked for."""
    column: SourceName
    """The source column that is looked at."""
    text: Annotated[PlanText, Field(min_length=1)]
    """The text, letter by letter."""

    def compile(self, scope: Scope) -> pl.Expr:
        """Search for the literal text."""
        text = scope.text(self.column).str
        found = {
            "contains": lambda: text.contains(self.text, literal=True),
            "startsWith": lambda: text.starts_with(self.text),
            "endsWith": lambda: text.ends_with(self.text),
        }[self.test]()
        return found.fill_null(value=False)


class Match(PlanModel):
    """Whether a regular expression is found in a column's text."""

    test: Literal["matches"]
    column: SourceName
    """The source column that is looked at."""
    pattern: Pattern
    """A regular expression in Rust's syntax, found anywhere; ``^`` and ``$`` tie it to the ends."""

    def compile(self, scope: Scope) -> pl.Expr:
        """Search for the pattern."""
        return scope.text(self.column).str.contains(self.pattern).fill_null(value=False)


class Order(PlanModel):
    """Whether a column's value is less or more than a number (as numbers) or a text (by code points)."""

    test: Literal["lessThan", "atMost", "greaterThan", "atLeast"]
    """How the two are compared."""
    column: SourceName
    """The source column that is looked at."""
    value: StrictInt | StrictFloat | PlanText
    """A number compares as numbers do, and what is no number does not pass; a text compares letter by letter."""

    def compile(self, scope: Scope) -> pl.Expr:
        """Compare; what is no number is not less and not more than one."""
        text = scope.text(self.column)
        left = text if isinstance(self.value, str) else text.str.strip_chars().cast(pl.Float64, strict=False)
        right = pl.lit(self.value)
        compared = {
            "lessThan": left < right,
            "atMost": left <= right,
            "greaterThan": left > right,
            "atLeast": left >= right,
        }[self.test]
        return compared.fill_null(value=False)


class Several(PlanModel):
    """Whether all of some conditions hold, or any."""

    test: Literal["all", "any"]
    """Whether all must hold, or one is enough."""
    conditions: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=100)]
    """The conditions."""

    def compile(self, scope: Scope) -> pl.Expr:
        """Combine them."""
        compiled = [condition.compile(scope) for condition in self.conditions]
        return reduce((lambda a, b: a & b) if self.test == "all" else (lambda a, b: a | b), compiled)


class Negation(PlanModel):
    """Whether a condition does not hold."""

    test: Literal["not"]
    condition: "Condition"
    """The condition."""

    def compile(self, scope: Scope) -> pl.Expr:
        """Turn it round."""
        return ~self.condition.compile(scope)


Condition = Annotated[
    Presence | Equality | Containment | Match | Order | Several | Negation, Field(discriminator="test")
]
"""A test of source columns, told apart by ``test``."""

Several.model_rebuild()
Negation.model_rebuild()


class Filter(PlanModel):
    """Keeps, or drops, the records for which a condition holds. It is applied before any value is typed."""

    action: Literal["keep", "drop"]
    """What happens to the records that pass."""
    where: Condition
    """The test."""

    def compile(self, scope: Scope) -> pl.Expr:
        """True for the records that stay."""
        holds = self.where.compile(scope)
        return holds if self.action == "keep" else ~holds


def condition_columns(condition: Condition) -> Iterator[str]:
    """The source columns a condition looks at."""
    if isinstance(condition, Several):
        for inner in condition.conditions:
            yield from condition_columns(inner)
    elif isinstance(condition, Negation):
        yield from condition_columns(condition.condition)
    else:
        yield condition.column
