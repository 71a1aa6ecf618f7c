"""NUMBER_FORMAT: numbers as people write them: decimal comma, thousands, currency, percent."""

import re
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import AfterValidator, Field, model_validator

from stepmill.etl.plan.base import PlanModel, ShortText, wrong
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.values.parser import Problem, shown

Separator = Literal[".", ",", " ", "'", "\u2019", "_", "\u00a0", "\u202f"]
_PARTS_OF_NUMBERS = set("0123456789+-\u2212.,'\u2019_() \u00a0\u202f")


def _no_part_of_a_number(affix: str) -> str:
    if set(affix) <= _PARTS_OF_NUMBERS:
        raise ValueError("it must have a letter or a symbol that is no part of a number")
    return affix


Affix = Annotated[ShortText, AfterValidator(_no_part_of_a_number)]
Affixes = Annotated[tuple[Affix, ...], Field(max_length=50)]

_SIGN = "[+\\-\u2212]"


class NumberFormat(PlanModel):
    """Reads numbers in a local spelling, exactly: the text is rewritten, then read as the column's type."""

    kind: Literal["NUMBER_FORMAT"]
    decimal: Literal[".", ","] = "."
    """The decimal mark."""
    group: Separator | None = None
    """What may stand between groups of three digits."""
    prefixes: Affixes = ()
    """Texts that may stand before the number and are dropped, such as ``€`` or ``USD``."""
    suffixes: Affixes = ()
    """Texts that may stand after the number and are dropped, such as ``kg`` or ``%``."""
    scale_by: Annotated[int, Field(ge=-12, le=12)] = Field(default=0, alias="powerOfTen")
    """The number is multiplied by ten to this power: -2 turns 12.5% into 0.125."""
    parentheses: bool = False
    """Whether ``(12)`` means -12."""
    trailing_minus: bool = False
    """Whether ``12-`` means -12."""

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.group == self.decimal:
            raise wrong("/group", "the decimal mark can't separate groups as well")
        return self

    @property
    def pattern(self) -> str:
        """A regular expression for all accepted spellings."""
        mark, whole = re.escape(self.decimal), "[0-9]+"
        if self.group is not None:
            whole = rf"(?:[0-9]{{1,3}}(?:{_separator(self.group)}[0-9]{{3}})+|[0-9]+)"
        number = rf"(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+)"
        before, after = _optional(self.prefixes), _optional(self.suffixes)
        signed = [rf"{_SIGN}?\s*{before}\s*{number}\s*{after}", rf"{before}\s*{_SIGN}\s*{number}\s*{after}"]
        if self.parentheses:
            signed.append(rf"\(\s*{before}\s*{number}\s*{after}\s*\)")
        if self.trailing_minus:
            signed.append(rf"{before}\s*{number}\s*[-\u2212]\s*{after}")
        return rf"^\s*(?:{'|'.join(signed)})\s*$"

    @property
    def dropped(self) -> list[str]:
        """What is left out on the way to a plain number. Affixes come first, as they may hold any of the rest."""
        affixes = sorted({*self.prefixes, *self.suffixes}, key=len, reverse=True)
        spaces = ["\u00a0", "\u202f"] if self.group == " " else []
        groups = [self.group, *spaces] if self.group is not None else []
        return [*affixes, *groups, *(["(", ")"] if self.parentheses else [])]


def compile(mapping: NumberFormat, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Check the spelling, then rewrite it as a plain number."""
    plain: pl.Expr = pl.when(text.str.contains(mapping.pattern)).then(text)
    for part in mapping.dropped:
        plain = plain.str.replace_all(part, "", literal=True)
    plain = plain.str.strip_chars()
    minus = plain.str.contains_any(["-", "\u2212"])
    if mapping.parentheses:
        minus |= text.str.contains("(", literal=True)
    digits = plain.str.strip_chars("+-\u2212 ")
    if mapping.decimal != ".":
        digits = digits.str.replace(mapping.decimal, ".", literal=True)
    if mapping.scale_by:
        digits = digits + f"e{mapping.scale_by}"
    signed = pl.when(minus).then("-" + digits).otherwise(digits)
    return Mapped(signed, expects=text, explain=lambda raw: _not_so(mapping, raw))


def _separator(mark: str) -> str:
    return "[ \u00a0\u202f]" if mark == " " else re.escape(mark)


def _optional(affixes: tuple[str, ...]) -> str:
    alternatives = "|".join(re.escape(affix) for affix in sorted(affixes, key=len, reverse=True))
    return f"(?:{alternatives})?" if affixes else ""


def _not_so(mapping: NumberFormat, raw: str) -> Problem:
    group = f"1{mapping.group}234" if mapping.group else "1234"
    return Problem("bad_number", f"{shown(raw)} is not a number spelled like {group}{mapping.decimal}5.")
