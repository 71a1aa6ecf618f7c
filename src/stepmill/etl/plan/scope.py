"""What a mapping works with when it is compiled, and what comes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from stepmill.etl.plan.types import TargetType
from stepmill.etl.values.parser import Problem


@dataclass(frozen=True)
class Scope:
    """The source columns a mapping may refer to, and the type it is to end in."""

    nulls: Sequence[str]
    target: TargetType

    def text(self, column: str) -> pl.Expr:
        """A source column's text; null where it is missing, empty or spelled as a null."""
        return self.without_nulls(pl.col(column))

    def without_nulls(self, text: pl.Expr) -> pl.Expr:
        """The text; null where it is empty or spelled as a null."""
        if not self.nulls:
            return empty_as_null(text)
        return pl.when((text != "") & ~text.is_in(list(self.nulls))).then(text)


@dataclass(frozen=True)
class Mapped:
    """A compiled mapping.

    ``value`` is text, which the target type's parser reads, or ``typed`` already. A row fails where ``expects`` is not
    null but the value is; without ``expects`` the mapping can't fail. ``explain`` gets the text of ``expects``.
    """

    value: pl.Expr
    typed: bool = False
    expects: pl.Expr | None = None
    explain: Callable[[str], Problem] | None = None


def empty_as_null(text: pl.Expr) -> pl.Expr:
    """The text, or null where there is nothing in it."""
    return pl.when(text != "").then(text)


def joined(parts: Sequence[pl.Expr]) -> pl.Expr:
    """Several texts as one that stands for no other texts; null if one is null. A single text stays as it is."""
    if len(parts) == 1:
        return parts[0]
    pieces: list[pl.Expr] = []
    for part in parts:
        pieces += [part.str.len_bytes().cast(pl.String), pl.lit(":"), part]
    return pl.concat_str(pieces)


def joined_texts(parts: Sequence[str]) -> str:
    """What ``joined`` makes of these texts."""
    return parts[0] if len(parts) == 1 else "".join(f"{len(part.encode())}:{part}" for part in parts)
