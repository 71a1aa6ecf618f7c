"""The candidates date and timestamp in spellings other than ISO 8601: one candidate for each order of a date's parts.

Each reads all values by the mapping that the plan will have, so that what the values allow is left, and nothing else.
"""

import re
from collections.abc import Sequence
from typing import Any

import polars as pl

from stepmill.etl.candidates.candidate import where
from stepmill.etl.plan.mappings import date_format
from stepmill.etl.plan.mappings.date_directives import has_time, has_zone, shape
from stepmill.etl.plan.mappings.date_format import DateFormat
from stepmill.etl.plan.scope import Scope
from stepmill.etl.plan.types import LogicalType, TargetType

COMPACT = "%Y%m%d"
"""Eight digits, which may just as well be a number."""

ORDERS: tuple[str, ...] = (
    *(order for mark in "./-" for order in (f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y", f"%Y{mark}%m{mark}%d")),
    *(order for mark in "./-" for order in (f"%d{mark}%m{mark}%y", f"%m{mark}%d{mark}%y")),
    *("%d %b %Y", "%d-%b-%Y", "%d/%b/%Y", "%d-%b-%y", "%d %b %y", "%b %d, %Y", "%b %d %Y", "%b-%d-%Y"),
    *("%d %B %Y", "%B %d, %Y", "%B %d %Y", "%d. %B %Y", "%d-%B-%Y"),
    *("%a, %d %b %Y", "%a %d %b %Y", "%A, %B %d, %Y", "%A, %d %B %Y", "%a, %b %d, %Y"),
    COMPACT,
)
"""The orders of the parts of a date. Those with the day before the month come before their opposites."""

_CLOCKS = (
    *("%H:%M:%S", "%H:%M", "%H:%M:%S.%f"),
    *("%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p", "%I:%M:%S.%f %p"),
    *("%H:%M:%S%z", "%H:%M:%S %z", "%H:%M%z", "%H:%M %z", "%H:%M:%S.%f%z", "%H:%M:%S.%f %z"),
)
_GLUES = (" ", "T", ", ", ":", "  ", " at ")
TIMES: tuple[str, ...] = ("", *(glue + clock for clock in _CLOCKS for glue in _GLUES))
"""What may follow a date."""

_BEGINS = {order: re.compile(shape(order, cut=False).removesuffix("$")) for order in ORDERS}
_TIME_PATTERNS = {cut: {time: re.compile(shape(time, cut=cut)) for time in TIMES} for cut in (False, True)}
_MAX_TIMES = 8
_TRIED = 5
_DATELIKE = (
    r"^(?:[A-Za-z]{3,9},? )?(?:"
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[-/. ] ?[A-Za-z]{3,9}[-/. ]\d{2,4}"
    r"|[A-Za-z]{3,9}[- ]\d{1,2},?[- ]\d{4}|\d{8}"
    r")(?:[T :,].{3,30})?$"
)


class LocalDateCandidate:
    """Dates with their parts in one order, and a time of day in one or several spellings, if any."""

    def __init__(self, order: str, *, cut: bool = False) -> None:
        self.kind = f"date:{order}" + (" cut" if cut else "")
        self._order = order
        self._cut = cut
        self._begin = _BEGINS[order]
        self._times: list[str] = []

    def look(self, texts: pl.Series) -> pl.Series:
        """Read the distinct texts, and find further spellings of the time where some can't be read."""
        distinct = texts.unique()
        unread = self._unread(distinct)
        while len(unread) and self._learn_from(unread):
            unread = self._unread(unread)
        if len(unread) == len(distinct):
            return texts
        return where(texts, texts.is_in(unread.implode())) if len(unread) else texts.head(0)

    def result(self) -> dict[str, Any]:
        """The formats, and the type that they give."""
        return {"type": self._type.value, "formats": self._formats, "cut": self._cut}

    @property
    def _formats(self) -> list[str]:
        return [self._order + time for time in self._times]

    @property
    def _type(self) -> LogicalType:
        if not any(has_time(text) for text in self._formats):
            return LogicalType.DATE
        return LogicalType.TIMESTAMPTZ if has_zone(self._formats[0]) else LogicalType.TIMESTAMP

    def _unread(self, distinct: pl.Series) -> pl.Series:
        if not self._times:
            return distinct
        mapping = DateFormat(
            kind="DATE_FORMAT", formats=tuple(self._formats), excess_digits="cut" if self._cut else "reject"
        )
        scope = Scope(nulls=(), target=TargetType(self._type))
        value = date_format.compile(mapping, pl.col("text"), scope).value
        return distinct.alias("text").to_frame().filter(value.is_null())["text"]

    def _learn_from(self, unread: pl.Series) -> bool:
        """Whether a spelling of the time was found that takes some of these."""
        if len(self._times) == _MAX_TIMES:
            return False
        for text in unread.filter(unread.str.contains(self._begin.pattern)).sort().head(_TRIED):
            for time in self._times_in(text):
                before, self._times = self._times, [*self._times, time]
                if len(self._unread(unread)) < len(unread):
                    return True
                self._times = before
        return False

    def _times_in(self, text: str) -> list[str]:
        """The spellings of the time that a text may have and that go together with those that are known.

        Times with a zone don't go together with those that have none.
        """
        begin = self._begin.match(text)
        if begin is None:
            return []
        found = [time for time, pattern in _TIME_PATTERNS[self._cut].items() if pattern.match(text[begin.end() :])]
        zones = {has_zone(time) for time in self._times}
        return [time for time in found if time not in self._times and zones <= {has_zone(time)}]


def date_candidates(texts: Sequence[str]) -> list[LocalDateCandidate]:
    """A candidate for each order that some of these first values of a column could have."""
    likely = [text for text in texts if re.match(_DATELIKE, text)]
    if not likely:
        return []
    found = [order for order, begin in _BEGINS.items() if any(_is_ended(begin.match(text)) for text in likely)]
    fine = [order for order in found if order == "%Y-%m-%d"]
    return [*(LocalDateCandidate(order) for order in found), *(LocalDateCandidate(order, cut=True) for order in fine)]


def _is_ended(begin: re.Match[str] | None) -> bool:
    """Whether a date was found and no digit comes after it."""
    return begin is not None and not begin.string[begin.end() : begin.end() + 1].isdigit()
