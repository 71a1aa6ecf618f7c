"""What the rules choose for one column."""

from dataclasses import dataclass
from typing import Literal

from stepmill.etl.plan.mappings.direct import Direct
from stepmill.etl.plan.mappings.union import Mapping
from stepmill.etl.plan.types import LogicalType, TargetType
from stepmill.etl.values.text import NUL

DRAWN_NUL = "\u2400"
_AS_IT_IS = Direct()


@dataclass(frozen=True)
class Remark:
    """Something about a column that may surprise: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Choice:
    """A type, how its values are read, and what is to be said of it. ``non_values`` are further spellings of null."""

    type: LogicalType
    mapping: Mapping = _AS_IT_IS
    precision: int | None = None
    scale: int | None = None
    unit: str | None = None
    non_values: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Habits:
    """How the whole file writes things, as far as some of its columns leave no choice and none of them disagrees."""

    date_order: Literal["day", "month"] | None = None
    decimal_mark: Literal[".", ","] | None = None


def as_declared(target: TargetType) -> Choice:
    """The type that the file itself says."""
    if target.logical is LogicalType.NUMERIC:
        return Choice(target.logical, precision=target.precision, scale=target.scale)
    return Choice(target.logical, Direct(non_finite=target.logical is LogicalType.DOUBLE))


def text_because(code: str, message: str) -> Choice:
    """Text, and why it is no more than that."""
    return Choice(LogicalType.TEXT, remarks=(Remark(code, message),))


def quoted(text: str) -> str:
    """A value in quotes, for a sentence. A NUL is drawn, since a plan can't hold one."""
    return f"“{text.replace(NUL, DRAWN_NUL)}”"
