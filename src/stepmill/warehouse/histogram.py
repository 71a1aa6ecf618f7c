"""Histograms: the range of a column's values in equal parts, and how many values are in each."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import Any

MOST_BUCKETS = 20

_DIGITS = 80  # a numeric has 38, and a twentieth of one some more
_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
_SOME_DAY = date(1970, 1, 1)


def lower_bounds(low: Any, high: Any) -> list[Any]:
    """Where each of up to 20 buckets begins, the first at ``low``, for a range of numbers, dates or times.

    Both ends are finite. Whole numbers and days are split at whole ones.
    """
    if isinstance(low, datetime):
        unit = _SECOND if high - low >= MOST_BUCKETS * _SECOND else _MICROSECOND
        return [low + place * unit for place in _whole(0, (high - low) // unit)]
    if isinstance(low, date):
        return [date.fromordinal(day) for day in _whole(low.toordinal(), high.toordinal())]
    if isinstance(low, time):
        moments = lower_bounds(datetime.combine(_SOME_DAY, low), datetime.combine(_SOME_DAY, high))
        return [moment.time() for moment in moments]
    if isinstance(low, int):
        return list(_whole(low, high))
    if isinstance(low, Decimal):
        return _decimals(low, high)
    shares = [place / MOST_BUCKETS for place in range(1, MOST_BUCKETS)]
    # Weighed, since the difference of two doubles may be past what a double holds.
    return [low, *sorted({bound for share in shares if low < (bound := low * (1 - share) + high * share) < high})]


def as_buckets(bounds: Sequence[Any], high: Any, counts: Mapping[int, int]) -> list[dict[str, Any]]:
    """``[{from, to, count}]``: a bucket has its ``from`` and not its ``to``, but for the last, which ends at ``high``.

    ``counts`` are by the bucket's place, from 0; what is not there is 0.
    """
    ends = [*bounds[1:], high]
    return [
        {"from": begin, "to": end, "count": counts.get(place, 0)}
        for place, (begin, end) in enumerate(zip(bounds, ends, strict=True))
    ]


def _whole(low: int, high: int) -> range:
    return range(low, high + 1, -(-(high - low + 1) // MOST_BUCKETS))


def _decimals(low: Decimal, high: Decimal) -> list[Any]:
    are_whole = low == low.to_integral_value() and high == high.to_integral_value()
    if are_whole and high - low >= MOST_BUCKETS:
        return [Decimal(bound) for bound in _whole(int(low), int(high))]
    with localcontext(prec=_DIGITS):
        step = (high - low) / MOST_BUCKETS
        return [low + place * step for place in range(MOST_BUCKETS)] if step else [low]
