"""The rules for numbers in local spellings: which marks mean what, as far as all values together say so.

One currency sign, or a percent sign, stands at all values or at none; it becomes the column's unit (``12.5%`` is 12.5).
A mark is the decimal mark or separates groups of three digits. Where both readings fit all values, as with ``1,234``
alone, the file's other columns decide; if they don't, the column stays text and a note says so. Only ``1.234`` is
read as a plain decimal all the same, unless the other columns have decimal commas.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, Literal, get_args

from stepmill.etl.candidates.local_number import shapes_of_plain_numbers
from stepmill.etl.plan.mappings.number_format import NumberFormat, Separator
from stepmill.etl.plan.types import MAX_PRECISION, LogicalType
from stepmill.etl.profile import ColumnProfile
from stepmill.planning.rules_choice import Choice, Remark, quoted, text_because
from stepmill.planning.rules_numbers import DOUBLE_DIGITS, decimal_choice, numeric
from stepmill.planning.rules_words import names_money

Mark = Literal[".", ","]

CURRENCIES = frozenset(
    {
        *("$", "€", "£", "¥", "₹", "₽", "₺", "₩", "₪", "₫", "฿", "₦", "R$", "US$", "A$", "C$", "kr", "kr.", "zł"),
        *("Kč", "Ft", "lei", "лв", "Fr.", "SFr.", "RM", "Rs", "Rs.", "R"),
        *("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "AUD", "CAD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF"),
        *("BRL", "MXN", "ZAR", "TRY", "RUB", "KRW", "SGD", "HKD", "NZD", "THB", "ILS", "AED", "SAR"),
    }
)
_BODY = re.compile(r"[.,]?0(?:[^A-Za-z]*0)?[.,]?")
_AROUND = " \u00a0\u202f+-\u2212()"
_MAX_WHOLE_DIGITS = 18
_GROUP = 3
_LARGE_GROUP = 1_000
_CODE_MARKS = frozenset({" ", "'", "\u2019", "_", "\u00a0", "\u202f"})


def decimal_mark_of(column: ColumnProfile) -> Mark | None:
    """The decimal mark of the column's numbers, if there is only one that it can be."""
    plain, local = column.candidate("number"), column.candidate("localNumber")
    if plain and not plain.misfits and plain.result["maxScale"] and not _may_be_thousands(plain.result):
        return "."
    if local is None or local.misfits or (plain and not plain.misfits):
        return None
    marks = {form.decimal for form in _fitting_forms(local.result) if _shows_marks(form, local.result["shapes"])}
    return marks.pop() if len(marks) == 1 else None


def choose_thousands(facts: Mapping[str, Any], name: str) -> Choice | None:
    """What plain numbers become in a file with decimal commas, if their points may stand between thousands."""
    shapes = shapes_of_plain_numbers(facts) if _may_be_thousands(facts) else None
    if not shapes:
        return None
    return choose_local_number({"shapes": shapes, "leadingZeros": 0, "decimalMarks": [","]}, name, ",")


def _may_be_thousands(facts: Mapping[str, Any]) -> bool:
    """Whether all numbers are like 1.234."""
    is_fixed = facts["minScale"] == facts["maxScale"] == _GROUP
    return is_fixed and min(map(abs, _range(facts))) >= 1 and max(map(abs, _range(facts))) < _LARGE_GROUP


def _range(facts: Mapping[str, Any]) -> tuple[float, float]:
    return facts["min"], facts["max"]


def choose_local_number(facts: Mapping[str, Any], name: str, mark: Mark | None) -> Choice | None:
    """What a column of numbers in a local spelling becomes; None if no spelling fits them all.

    ``mark`` is the decimal mark of the file's other columns.
    """
    shapes = list(facts["shapes"])
    fitting = _fitting_forms(facts)
    if not fitting:
        return None
    if len(fitting) > 1:
        fitting = [form for form in fitting if form.decimal == mark] or fitting
    if len(fitting) > 1:
        example = _example(shapes)
        return text_because(
            "ambiguous_number",
            f"Whether the mark in numbers like {example} begins decimals or separates thousands can't be told from the "
            "values, so they are kept as text. Say which by the mapping NUMBER_FORMAT.",
        )
    return _typed(fitting[0], shapes, name)


def _fitting_forms(facts: Mapping[str, Any]) -> list[NumberFormat]:
    shapes = list(facts["shapes"])
    affixes = {_affixes(shape) for shape in shapes}
    if len(affixes) != 1 or facts["leadingZeros"]:
        return []
    prefix, suffix = affixes.pop() or ("", "?")
    if not {prefix, suffix} <= {*CURRENCIES, "%", ""} or (prefix and suffix):
        return []
    return list(_fitting(shapes, prefix, suffix, facts["decimalMarks"]))


def _shows_marks(form: NumberFormat, shapes: Iterable[str]) -> bool:
    """Whether the decimal mark, or the one between thousands, stands somewhere."""
    return any(mark in shape for shape in shapes for mark in (form.decimal, form.group) if mark)


def _example(shapes: list[str]) -> str:
    """The shape with the most marks."""
    marked = max(shapes, key=lambda shape: (len(re.sub("0", "", shape)), len(shape)))
    return f"“{marked}”"


def _affixes(shape: str) -> tuple[str, str] | None:
    """What stands before and after the digits."""
    match = _BODY.search(shape)
    if match is None:
        return None
    return shape[: match.start()].strip(_AROUND), shape[match.end() :].strip(_AROUND)


def _fitting(shapes: list[str], prefix: str, suffix: str, decimal_marks: list[str]) -> Iterator[NumberFormat]:
    """The formats that fit all shapes and need all that they allow."""
    for decimal, group in product((".", ","), (None, *get_args(Separator))):
        if group == decimal or group in decimal_marks or (decimal_marks and decimal not in decimal_marks):
            continue
        form = NumberFormat(
            kind="NUMBER_FORMAT",
            decimal=decimal,
            group=group,
            prefixes=(prefix,) if prefix else (),
            suffixes=(suffix,) if suffix else (),
            parentheses=any("(" in shape for shape in shapes),
            trailing_minus=any(shape.rstrip().endswith(("-", "\u2212")) for shape in shapes),
        )
        bodies = [_BODY.search(shape) for shape in shapes]
        if all(re.fullmatch(form.pattern, shape) for shape in shapes) and _is_needed(form, bodies, decimal_marks):
            yield form


def _is_needed(form: NumberFormat, bodies: list[re.Match[str] | None], decimal_marks: list[str]) -> bool:
    """Whether the group mark is used, and the decimal mark too if it is not the usual one."""
    texts = [body[0] for body in bodies if body]
    uses_group = form.group is None or any(form.group in text for text in texts)
    uses_decimal = form.decimal in (".", *decimal_marks) or any(form.decimal in text for text in texts)
    return uses_group and (uses_decimal or form.group == ".")  # points between groups leave no other decimal mark


def _has_points_between_groups(form: NumberFormat, texts: Iterable[str]) -> bool:
    """Whether there is one like 1.234.567."""
    return form.group == "." and any(text.count(form.group) > 1 for text in texts)


def _typed(form: NumberFormat, shapes: list[str], name: str) -> Choice | None:
    symbol = "".join((*form.prefixes, *form.suffixes))
    bodies = [match[0] for shape in shapes if (match := _BODY.search(shape))]
    wholes, fractions = zip(*(_digits(body, form.decimal) for body in bodies), strict=True)
    whole_digits, scale = max(wholes), max(fractions)
    pointed = [count for body, count in zip(bodies, fractions, strict=True) if form.decimal in body]
    may_be_codes = form.group in _CODE_MARKS or _has_points_between_groups(form, bodies)
    if may_be_codes and not pointed and not symbol and len(set(wholes)) == 1:
        return None  # such as 555 123 or 123.456.789, which is a code if all have as many digits
    if whole_digits + scale > MAX_PRECISION:
        return None
    if symbol.isalnum() and not pointed and not form.group and not names_money(name):
        return text_because(
            "code",
            f"Whole numbers with {quoted(symbol)} may be codes, so they are kept as text; NUMBER_FORMAT reads them.",
        )
    if not pointed or not scale:
        is_small = whole_digits <= _MAX_WHOLE_DIGITS
        choice = Choice(LogicalType.INTEGER) if is_small else numeric(whole_digits, 0)
    elif symbol in CURRENCIES or whole_digits + scale > DOUBLE_DIGITS:
        choice = numeric(whole_digits, scale)
    else:
        has_whole = len(pointed) < len(bodies)
        choice = decimal_choice(name, whole_digits, (min(pointed), scale), has_whole=has_whole)
    groups = f" and {_quoted_mark(form.group)} between thousands" if form.group else ""
    remark = Remark("number_format", f"The decimal mark is {_quoted_mark(form.decimal)}{groups}.")
    return replace(choice, mapping=form, unit=symbol or None, remarks=(remark,))


def _quoted_mark(mark: str) -> str:
    return f"“{mark}”"


def _digits(body: str, decimal: str) -> tuple[int, int]:
    """How many digits stand before the decimal mark, and how many after it."""
    whole, _, fraction = body.partition(decimal)
    return whole.count("0"), fraction.count("0")
