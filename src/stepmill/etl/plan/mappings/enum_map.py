"""ENUM_MAP: each of a few texts exchanged for another."""

from typing import Annotated, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from stepmill.etl.plan.base import PlanModel, PlanText, wrong
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.values.parser import Problem, shown


class EnumMap(PlanModel):
    """Translates codes, such as ``A`` to ``active``."""

    kind: Literal["ENUM_MAP"]
    values: Annotated[dict[PlanText, PlanText | None], Field(min_length=1, max_length=10_000)]
    """For each text what it becomes; null for no value."""
    case_sensitive: bool = True
    """Whether ``a`` and ``A`` differ."""
    otherwise: Literal["reject", "keep", "null"] = "reject"
    """What happens to other texts: the row is rejected, the text kept, or null taken."""

    @model_validator(mode="after")
    def _texts_differ(self) -> Self:
        if not self.case_sensitive and len({text.lower() for text in self.values}) < len(self.values):
            raise wrong("/values", "some texts differ in case only")
        return self


def compile(mapping: EnumMap, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Look each text up."""
    key = text if mapping.case_sensitive else text.str.to_lowercase()
    old = list(mapping.values) if mapping.case_sensitive else [word.lower() for word in mapping.values]
    default = text if mapping.otherwise == "keep" else None
    found = key.replace_strict(old, list(mapping.values.values()), default=default, return_dtype=pl.String)
    if mapping.otherwise != "reject":
        return Mapped(found)
    nothing = [word for word, value in zip(old, mapping.values.values(), strict=True) if value is None]
    expects = pl.when(~key.is_in(nothing)).then(text) if nothing else text
    return Mapped(found, expects=expects, explain=_unknown)


def _unknown(raw: str) -> Problem:
    return Problem("unknown_value", f"{shown(raw)} is none of the texts that the plan translates.")
