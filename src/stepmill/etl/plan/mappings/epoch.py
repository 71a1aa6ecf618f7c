"""EPOCH: moments counted from a beginning, in seconds or smaller, or in a spreadsheet's days."""

from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from stepmill.etl.plan.base import PlanModel
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.plan.types import LogicalType
from stepmill.etl.values.parser import Problem, shown

_EPOCH = datetime(1970, 1, 1)
_EARLIEST = (datetime(1, 1, 1) - _EPOCH) // timedelta(microseconds=1)
_LATEST = (datetime(9999, 12, 31, 23, 59, 59, 999_999) - _EPOCH) // timedelta(microseconds=1)
_DAY = 86_400_000_000
_SPREADSHEET_DAY_0 = (datetime(1899, 12, 30) - _EPOCH) // timedelta(microseconds=1)
_DECIMALS = {"seconds": 6, "milliseconds": 3, "microseconds": 0}


class Epoch(PlanModel):
    """Reads numbers as moments in UTC; exact to the microsecond, finer ones are refused."""

    kind: Literal["EPOCH"]
    unit: Literal["seconds", "milliseconds", "microseconds", "nanoseconds", "spreadsheetDays"] = "seconds"
    """What is counted since 1970; spreadsheetDays are days since 1899-12-30, to the nearest millisecond."""


def compile(mapping: Epoch, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Reckon in whole microseconds."""
    stripped = text.str.strip_chars()
    micros = _spreadsheet(stripped) if mapping.unit == "spreadsheetDays" else _since_1970(mapping.unit, stripped)
    within = pl.when(micros.is_between(_EARLIEST, _LATEST)).then(micros).cast(pl.Int64)
    moment = within.cast(pl.Datetime("us"))
    values: dict[LogicalType, pl.Expr] = {
        LogicalType.TIMESTAMPTZ: moment.dt.replace_time_zone("UTC"),
        LogicalType.TIMESTAMP: moment,
        LogicalType.DATE: pl.when(within % _DAY == 0).then(moment.dt.date()),
    }
    value = values[scope.target.logical]
    return Mapped(value, typed=True, expects=text, explain=lambda raw: _not_so(mapping, raw))


def _since_1970(unit: str, text: pl.Expr) -> pl.Expr:
    if unit == "nanoseconds":
        nanos = text.cast(pl.Int128, strict=False)
        return pl.when(nanos % 1000 == 0).then(nanos // 1000)
    decimals = _DECIMALS[unit]
    exact = pl.when(text.str.contains(rf"^[+-]?[0-9]{{1,20}}(?:\.[0-9]{{0,{decimals}}}0*)?$")).then(text)
    return exact.cast(pl.Decimal(38, decimals), strict=False).to_physical()


def _spreadsheet(text: pl.Expr) -> pl.Expr:
    days = text.cast(pl.Float64, strict=False)
    millis = (pl.when(days.is_between(0, 2_958_466)).then(days) * (_DAY // 1000)).round(0).cast(pl.Int64)
    return millis * 1000 + _SPREADSHEET_DAY_0


def _not_so(mapping: Epoch, raw: str) -> Problem:
    return Problem("bad_timestamp", f"{shown(raw)} is not a moment counted in {mapping.unit}, years 1 to 9999.")
