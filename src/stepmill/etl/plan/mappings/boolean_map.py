"""BOOLEAN_MAP: the words that mean true and false in this source."""

from typing import Annotated, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from stepmill.etl.plan.base import PlanModel, ShortText, wrong
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.values.boolean import true_or_false
from stepmill.etl.values.parser import Problem, shown

Words = Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=100)]


class BooleanMap(PlanModel):
    """Reads booleans in words of one's own, such as ``ja`` and ``nein``."""

    kind: Literal["BOOLEAN_MAP"]
    true_values: Words
    """The texts that mean true."""
    false_values: Words
    """The texts that mean false."""
    case_sensitive: bool = False
    """Whether ``a`` and ``A`` differ."""

    @model_validator(mode="after")
    def _words_differ(self) -> Self:
        both = set(self.words(self.true_values)) & set(self.words(self.false_values))
        if both:
            raise wrong("/falseValues", f"{sorted(both)[0]!r} can't mean true as well")
        return self

    def words(self, given: tuple[str, ...]) -> list[str]:
        """The words as they are compared."""
        return list(given) if self.case_sensitive else [word.lower() for word in given]


def compile(mapping: BooleanMap, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Compare with both lists; anything else is refused."""
    stripped = text.str.strip_chars()
    key = stripped if mapping.case_sensitive else stripped.str.to_lowercase()
    value = true_or_false(key, mapping.words(mapping.true_values), mapping.words(mapping.false_values))
    return Mapped(value, typed=True, expects=text, explain=lambda raw: _neither(mapping, raw))


def _neither(mapping: BooleanMap, raw: str) -> Problem:
    words = ", ".join((*mapping.true_values[:5], *mapping.false_values[:5]))
    return Problem("bad_boolean", f"{shown(raw)} is none of the plan's words for true and false ({words}).")
