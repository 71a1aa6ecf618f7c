"""The rules for numbers.

Whole numbers are ``integer``. Numbers with decimals are

- ``numeric`` where they look like money: each with exactly two decimals, or up to four (or a fixed number up to six) in
  a column whose name says money; and where they have more digits than a double keeps apart, if 38 are enough,
- ``double`` otherwise: measurements.

Text they stay where a character would be lost: with a zero in front, a plus sign before a long number (a telephone
number), in columns whose name says code (zip, phone, ISBN), beyond 64 bits (an identifier, unless the name says
money), and with more digits than any of our numbers has.
"""

from collections.abc import Mapping
from typing import Any

from stepmill.etl.plan.mappings.direct import Direct
from stepmill.etl.plan.types import MAX_PRECISION, LogicalType
from stepmill.planning.rules_choice import Choice, Remark, text_because
from stepmill.planning.rules_words import names_code, names_measure, names_money

DOUBLE_DIGITS = 17
_USUAL_PRECISION = 18
_ROOM_FOR_GROWTH = 2
_MONEY_DECIMALS = 2
_FINE_MONEY_DECIMALS = 4
_FINEST_MONEY_DECIMALS = 6
_TELEPHONE_NUMBER = 1_000_000


def choose_number(facts: Mapping[str, Any], name: str) -> Choice:
    """What a column of plain numbers becomes."""
    if facts["leadingZeros"]:
        count = facts["leadingZeros"]
        message = (
            f"Numbers that begin with a zero ({count:,} of {facts['count']:,}) are codes, so all are kept as text."
        )
        return text_because("leading_zeros", message)
    if names_code(name) and (facts["whole"] or facts["exponents"]):
        return text_because("code", "The name says that the numbers are codes, so they are kept as text.")
    choice = _choose_whole(facts, name) if facts["whole"] else _choose_decimal(facts, name)
    return _with_specials(choice, facts["specials"]) if choice.type is not LogicalType.TEXT else choice


def _choose_whole(facts: Mapping[str, Any], name: str) -> Choice:
    if facts["plusSigns"] and (facts["max"] or 0) >= _TELEPHONE_NUMBER:
        return text_because("plus_signs", "Long numbers with a plus sign are kept as text, as telephone numbers are.")
    if not facts["beyond64Bits"]:
        return Choice(LogicalType.INTEGER)
    longest = facts["wholeLengths"][1]
    if names_money(name) and longest <= MAX_PRECISION:
        return Choice(LogicalType.NUMERIC, precision=MAX_PRECISION, scale=0)
    return text_because("beyond_64_bits", f"Whole numbers of up to {longest} digits are kept as text, as identifiers.")


def _choose_decimal(facts: Mapping[str, Any], name: str) -> Choice:
    whole_digits = len(str(int(max(abs(facts["min"]), abs(facts["max"])))))
    scale = facts["maxScale"] or 0
    if facts["digits"] > DOUBLE_DIGITS:
        if facts["exponents"] or whole_digits + scale > MAX_PRECISION or facts["specials"]:
            digits = facts["digits"]
            return text_because("too_many_digits", f"Numbers of up to {digits} digits are kept as text.")
        return numeric(whole_digits, scale)
    if facts["exponents"]:
        return Choice(LogicalType.DOUBLE)
    return decimal_choice(name, whole_digits, (facts["minScale"] or 0, scale), has_whole=facts["pointless"] > 0)


def decimal_choice(name: str, whole_digits: int, scales: tuple[int, int], *, has_whole: bool) -> Choice:
    """Money or a measurement, by the number of decimals (least, most) and the name."""
    least, most = scales
    is_fixed = least == most and not has_whole
    if names_money(name):
        is_money = most <= _FINE_MONEY_DECIMALS or (is_fixed and most <= _FINEST_MONEY_DECIMALS)
    else:
        is_money = is_fixed and most == _MONEY_DECIMALS and not names_measure(name)
    return numeric(whole_digits, max(most, _MONEY_DECIMALS)) if is_money else Choice(LogicalType.DOUBLE)


def numeric(whole_digits: int, scale: int) -> Choice:
    """A numeric with room for larger numbers than those of this file."""
    fits = whole_digits + scale + _ROOM_FOR_GROWTH <= _USUAL_PRECISION
    return Choice(LogicalType.NUMERIC, precision=_USUAL_PRECISION if fits else MAX_PRECISION, scale=scale)


def _with_specials(choice: Choice, specials: Mapping[str, int]) -> Choice:
    """NaN is no value; infinity is one, of doubles only."""
    if not specials:
        return choice
    nans = tuple(word for word in specials if word.strip("+-")[:1] in "nN")
    if len(nans) == len(specials):
        return Choice(choice.type, choice.mapping, choice.precision, choice.scale, non_values=nans)
    remark = Remark("infinity", "Some values are infinite, which only a double can be.")
    return Choice(LogicalType.DOUBLE, Direct(non_finite=True), non_values=nans, remarks=(remark,))
