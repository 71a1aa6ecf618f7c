"""The rules for dates in spellings other than ISO 8601.

Only an order of day, month and year that fits all values is taken. Where day first and month first both fit: dots mean
day first; otherwise the other columns of the file decide, if they agree; otherwise the column stays text and a note
says so. Eight digits are a date if all are days from 1900 to 2099 and either the column's name says so or there are
many different ones.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from stepmill.etl.candidates.local_date import COMPACT
from stepmill.etl.plan.mappings.date_format import DateFormat
from stepmill.etl.plan.types import LogicalType
from stepmill.etl.profile import CandidateFacts, ColumnProfile
from stepmill.planning.rules_choice import Choice, Remark, text_because
from stepmill.planning.rules_words import names_day

Order = Literal["day", "month"]

_PREFIX = "date:"
_MANY_DAYS = 30
_EARLIEST, _LATEST = 19_000_101, 20_991_231


def date_candidates_of(candidates: Iterable[CandidateFacts]) -> list[CandidateFacts]:
    """Those for dates in local spellings, the preferred first."""
    found = [item for item in candidates if item.kind.startswith(_PREFIX) and item.kind != _PREFIX + COMPACT]
    return sorted(found, key=lambda item: item.result["cut"])


def order_of(candidates: Sequence[CandidateFacts]) -> Order | None:
    """What comes first in a date, as far as these candidates for one column leave no choice."""
    orders = {_order(item) for item in candidates} - {None}
    return orders.pop() if len(orders) == 1 else None


def choose_date(candidates: Sequence[CandidateFacts], order: Order | None) -> Choice | None:
    """What a column becomes for which these candidates hold; ``order`` is what the file's other columns say."""
    if not candidates:
        return None
    if {_order(item) for item in candidates} >= {"day", "month"}:
        formats = candidates[0].result["formats"]
        if "." in formats[0]:
            order = "day"
        if order is None:
            return text_because(
                "ambiguous_date",
                "Whether the day or the month comes first can't be told from the values, so the dates are kept as text."
                f" Say which by the mapping DATE_FORMAT, with {formats[0]} for one.",
            )
        candidates = [item for item in candidates if _order(item) == order]
    return _choice(candidates[0])


def choose_compact_date(column: ColumnProfile, name: str) -> Choice | None:
    """A date, if the eight digits of all values surely are one."""
    dates, numbers = column.candidate(_PREFIX + COMPACT), column.candidate("number")
    if dates is None or dates.misfits or numbers is None or numbers.misfits or dates.result["type"] != "date":
        return None
    in_our_times = numbers.result["min"] >= _EARLIEST and numbers.result["max"] <= _LATEST
    are_many = column.distinct is None or len(column.distinct) >= _MANY_DAYS
    return _choice(dates) if in_our_times and (names_day(name) or are_many) else None


def _order(item: CandidateFacts) -> Order | None:
    order = item.kind.removeprefix(_PREFIX)
    if "%m" not in order or order.startswith("%Y"):
        return None
    return "day" if order.startswith("%d") else "month"


def _choice(item: CandidateFacts) -> Choice:
    formats = tuple(item.result["formats"])
    remarks = [Remark("date_format", f"The dates are read by {' or '.join(formats)}.")]
    if any("%y" in text for text in formats):
        remarks.append(Remark("two_digit_years", "Years have two digits: 70 to 99 mean 1970 to 1999, others 20xx."))
    cut = item.result["cut"]
    if cut:
        remarks.append(Remark("excess_digits", "Digits after the microsecond are cut: PostgreSQL can't store them."))
    mapping = DateFormat(kind="DATE_FORMAT", formats=formats, excess_digits="cut" if cut else "reject")
    return Choice(LogicalType(item.result["type"]), mapping, remarks=tuple(remarks))
