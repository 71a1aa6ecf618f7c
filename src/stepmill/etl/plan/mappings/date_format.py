"""DATE_FORMAT: dates and timestamps by format strings."""

from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

import polars as pl
from pydantic import AfterValidator, Field, model_validator

from stepmill.etl.plan.base import PlanModel, wrong
from stepmill.etl.plan.mappings.date_directives import check_format, engine_format, has_time, has_zone, shape
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.plan.types import LogicalType
from stepmill.etl.values.parser import Problem, shown

DateFormatText = Annotated[str, Field(min_length=2, max_length=100), AfterValidator(check_format)]

_EARLIEST = datetime(1, 1, 1)
_LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999)


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not a time zone such as 'Europe/Berlin'")
    return name


class DateFormat(PlanModel):
    """Reads dates and times by formats, the first that fits. Two digits of a year mean 1970 to 2069."""

    kind: Literal["DATE_FORMAT"]
    formats: Annotated[tuple[DateFormatText, ...], Field(min_length=1, max_length=20)]
    """Formats such as ``%d/%m/%Y`` or ``%Y-%m-%dT%H:%M:%S.%f%z``; the directives are listed on this page."""
    time_zone: Annotated[str, AfterValidator(_known_zone)] | None = None
    """For a timestamptz whose texts name no zone: where the clock hangs, such as ``Europe/Berlin``."""
    ambiguous: Literal["reject", "earliest", "latest"] = "reject"
    """Which moment is meant by an hour that the clock shows twice in autumn."""
    excess_digits: Literal["reject", "cut"] = "reject"
    """What happens to digits of a fraction after the sixth, which PostgreSQL can't store, unless they are zeros."""

    @model_validator(mode="after")
    def _one_kind_of_zone(self) -> Self:
        if self.time_zone is not None:
            for index, text in enumerate(self.formats):
                if has_zone(text):
                    raise wrong(f"/formats/{index}", "the format has a zone, so timeZone can't apply")
        return self

    def fits(self, logical: LogicalType) -> tuple[str, str] | None:
        """Where and why the formats can't give this type; None if they can."""
        for index, text in enumerate(self.formats):
            at = f"/formats/{index}"
            if logical is LogicalType.DATE and has_time(text):
                return at, "a date has no time of day; make the column a timestamp"
            if logical is LogicalType.TIMESTAMP and has_zone(text):
                return at, "a timestamp has no zone; make the column a timestamptz"
            if logical is LogicalType.TIMESTAMPTZ and not has_zone(text) and self.time_zone is None:
                return at, "a timestamptz needs %z in the format, or timeZone"
        return None


def compile(mapping: DateFormat, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Try the formats in order. A text must also have the format's shape, since the engine's parser is lenient."""
    stripped = text.str.strip_chars()
    values = [_parse(mapping, stripped, format_text, scope.target.logical) for format_text in mapping.formats]
    value = values[0] if len(values) == 1 else pl.coalesce(values)
    return Mapped(value, typed=True, expects=text, explain=lambda raw: _not_so(mapping, raw, scope.target.logical))


def _parse(mapping: DateFormat, text: pl.Expr, format_text: str, logical: LogicalType) -> pl.Expr:
    shaped = pl.when(text.str.contains(shape(format_text, cut=mapping.excess_digits == "cut"))).then(text)
    engine = engine_format(format_text)
    if logical is LogicalType.DATE:
        day = shaped.str.to_date(engine, strict=False)
        return pl.when(day >= _EARLIEST.date()).then(day)
    if has_zone(format_text):
        moment = shaped.str.to_datetime(engine, time_unit="us", time_zone="UTC", strict=False)
        naive = moment.dt.replace_time_zone(None)
        return pl.when(naive.is_between(_EARLIEST, _LATEST)).then(moment)
    if not has_time(format_text):
        naive = shaped.str.to_date(engine, strict=False).cast(pl.Datetime("us"))
    else:
        naive = shaped.str.to_datetime(engine, time_unit="us", strict=False)
    if mapping.time_zone is None:
        return pl.when(naive >= _EARLIEST).then(naive)
    ambiguous: Literal["null", "earliest", "latest"] = "null" if mapping.ambiguous == "reject" else mapping.ambiguous
    local = naive.dt.replace_time_zone(mapping.time_zone, ambiguous=ambiguous, non_existent="null")
    moment = local.dt.convert_time_zone("UTC")
    return pl.when(moment.dt.replace_time_zone(None).is_between(_EARLIEST, _LATEST)).then(moment)


def _not_so(mapping: DateFormat, raw: str, logical: LogicalType) -> Problem:
    code = "bad_date" if logical is LogicalType.DATE else "bad_timestamp"
    formats = " or ".join(mapping.formats)
    also = f", or not exactly once on the clocks of {mapping.time_zone}" if mapping.time_zone else ""
    return Problem(code, f"{shown(raw)} is not in the format {formats}, or not in the calendar{also}.")
