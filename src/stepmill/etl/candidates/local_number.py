"""The candidate number in a local spelling: decimal commas, thousands, currencies, percents.

Which spelling it is can be told from the shapes of all values, that is the values with each digit exchanged for a 0:
there are a few dozen of them, however many values there are.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl

from stepmill.etl.candidates.candidate import where

MAX_SHAPES = 300
_MARKS = "., '\u2019_\u00a0\u202f"
_SIGNS = "+\\-\u2212"
_NUMBERLIKE = rf"^\(?[^0-9]{{0,6}}[0-9](?:[{_MARKS}]?[0-9])*[.,]?[^0-9]{{0,6}}\)?$"
_BARE_FRACTION = rf"^\(?[{_SIGNS}]?\s?[^0-9]{{0,6}}[.,][0-9]+[^0-9]{{0,6}}$"
_LEADING_ZERO = r"^[^0-9]*0[ '\u2019_\u00a0\u202f]?[0-9]"


class LocalNumberCandidate:
    """Counts the shapes of what looks like numbers."""

    kind = "localNumber"

    def __init__(self, shapes: Mapping[str, int] | None = None) -> None:
        self._shapes: Counter[str] = Counter(shapes or {})
        self._leading_zeros = 0
        self._decimal_marks: set[str] = set()

    def look(self, texts: pl.Series) -> pl.Series:
        """Whatever is not like a number in any spelling does not fit, and nothing fits any more if spellings abound."""
        likely = texts.str.contains(_NUMBERLIKE) | texts.str.contains(_BARE_FRACTION)
        numbers = where(texts, likely)
        if not len(numbers):
            return texts
        shapes = numbers.str.replace_all("[0-9]", "0").alias("shape").value_counts(name="count")
        self._shapes.update(dict(shapes.iter_rows()))
        if len(self._shapes) > MAX_SHAPES:
            self._shapes.clear()
            return texts
        self._leading_zeros += int(numbers.str.contains(_LEADING_ZERO).sum())
        self._look_for_decimal_marks(numbers)
        return where(texts, ~likely)

    def result(self) -> dict[str, Any]:
        """The shapes and how often each was seen; codes among them; what surely is a decimal mark."""
        return {
            "shapes": dict(sorted(self._shapes.items())),
            "leadingZeros": self._leading_zeros,
            "decimalMarks": sorted(self._decimal_marks),
        }

    def _look_for_decimal_marks(self, numbers: pl.Series) -> None:
        """No group of digits is a lone zero: what follows one is a decimal mark."""
        for mark in {".", ","} - self._decimal_marks:
            if numbers.str.contains(rf"^[^0-9]*0[{mark}]").any():
                self._decimal_marks.add(mark)


def shapes_of_plain_numbers(facts: Mapping[str, Any]) -> dict[str, int] | None:
    """Shapes that stand for the plain numbers that a NumberCandidate has seen; None if they tell too little."""
    if facts["exponents"] or facts["specials"] or facts["leadingZeros"]:
        return None
    scales = [] if facts["maxScale"] is None else list(range(facts["minScale"], facts["maxScale"] + 1))
    if len(scales) > 12 or not facts["count"]:
        return None if facts["count"] else {}
    signs = ["", "-"] if facts["min"] < 0 else [""]
    widths = {len(str(int(abs(facts["min"])))), len(str(int(abs(facts["max"]))))}
    wholes = [sign + "0" * width for sign in signs for width in range(1, max(widths) + 1)]
    if facts["pointless"]:
        scales.append(0)
    return {f"{whole}.{'0' * scale}" if scale else whole: 1 for whole in wholes for scale in scales}
