"""Numbers that no longer fit a plan's column: how many digits it needs for them."""

import re
from typing import Any

from stepmill.etl.candidates.local_number import shapes_of_plain_numbers
from stepmill.etl.plan.mappings.direct import Direct
from stepmill.etl.plan.mappings.number_format import NumberFormat
from stepmill.etl.plan.model import PlanColumn
from stepmill.etl.plan.types import MAX_PRECISION, LogicalType
from stepmill.etl.profile import ColumnProfile

_BIGINT_DIGITS = 19

Digits = tuple[int, int]
"""Before the decimal mark, and after it."""


def may_widen(column: PlanColumn) -> bool:
    """Whether the column's numbers can be given more digits."""
    is_number = column.type in (LogicalType.INTEGER, LogicalType.NUMERIC)
    return is_number and isinstance(column.mapping, Direct | NumberFormat)


def wider_number(column: PlanColumn, profile: ColumnProfile) -> PlanColumn | None:
    """The column as numeric, with as many digits before and behind the point as it has and the values need.

    None if that would change nothing, or if no numeric has as many.
    """
    mapping, target = column.mapping, column.target
    needed = _spelled(mapping, profile) if isinstance(mapping, NumberFormat) else _plain(profile)
    if needed is None:
        return None
    is_integer = column.type is LogicalType.INTEGER
    before, scale = (_BIGINT_DIGITS, 0) if is_integer else (target.precision - target.scale, target.scale)
    wider = max(before, needed[0]), max(scale, needed[1])
    digits = sum(wider)
    if digits > MAX_PRECISION or wider == (before, scale):
        return None
    return column.model_copy(update={"type": LogicalType.NUMERIC, "precision": digits, "scale": wider[1]})


def _plain(profile: ColumnProfile) -> Digits | None:
    number = profile.candidate("number")
    if number is None or number.result["exponents"] or number.result["specials"] or number.result["min"] is None:
        return None
    facts = number.result
    whole = _whole_digits(facts)
    if facts["beyond64Bits"]:
        whole = max(whole, facts["wholeLengths"][1], _BIGINT_DIGITS + 1)
    return whole, facts["maxScale"] or 0


def _whole_digits(facts: dict[str, Any]) -> int:
    return len(str(int(max(abs(facts["min"]), abs(facts["max"])))))


def _spelled(form: NumberFormat, profile: ColumnProfile) -> Digits | None:
    """Of those values that are spelled so; the others fit no numeric either."""
    local, plain = profile.candidate("localNumber"), profile.candidate("number")
    shapes = local.result["shapes"] if local is not None else {}
    if not shapes and plain is not None:
        shapes = shapes_of_plain_numbers(plain.result) or {}
    found = [_digits(form, shape) for shape in shapes if re.fullmatch(form.pattern, shape)]
    if not found:
        return None
    wholes, fractions = zip(*found, strict=True)
    whole, fraction = max(wholes) + form.scale_by, max(fractions) - form.scale_by
    return max(0, whole + (whole == _BIGINT_DIGITS)), max(0, fraction)  # a bigint holds some numbers of 19 digits only


def _digits(form: NumberFormat, shape: str) -> Digits:
    for part in form.dropped:
        shape = shape.replace(part, "")
    whole, _, fraction = shape.partition(form.decimal)
    return whole.count("0"), fraction.count("0")
