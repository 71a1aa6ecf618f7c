"""UNIT_CONVERT: a quantity in another unit."""

from decimal import Decimal
from typing import Literal, Self

import polars as pl
from pydantic import model_validator

from stepmill.etl.plan.base import PlanModel, wrong
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.values.parser import Problem, shown

# fmt: off
Unit = Literal[
    "mm", "cm", "m", "km", "in", "ft", "yd", "mi", "nmi",
    "mg", "g", "kg", "t", "oz", "lb",
    "ms", "s", "min", "h", "d",
    "ml", "l", "m3", "gal", "ft3",
    "m/s", "km/h", "mph", "kn",
    "Pa", "hPa", "kPa", "bar", "psi", "inHg",
    "J", "kJ", "Wh", "kWh", "cal", "kcal",
    "B", "kB", "MB", "GB", "KiB", "MiB", "GiB",
    "degC", "degF", "K",
]
# fmt: on
"""Units by their usual symbols; gal is the US gallon."""

_DIMENSIONS: dict[str, dict[str, str]] = {
    "length": {
        "mm": "0.001",
        "cm": "0.01",
        "m": "1",
        "km": "1000",
        "in": "0.0254",
        "ft": "0.3048",
        "yd": "0.9144",
        "mi": "1609.344",
        "nmi": "1852",
    },
    "mass": {"mg": "0.000001", "g": "0.001", "kg": "1", "t": "1000", "oz": "0.028349523125", "lb": "0.45359237"},
    "time": {"ms": "0.001", "s": "1", "min": "60", "h": "3600", "d": "86400"},
    "volume": {"ml": "0.000001", "l": "0.001", "m3": "1", "gal": "0.003785411784", "ft3": "0.028316846592"},
    "speed": {"m/s": "1", "km/h": "1/3.6", "mph": "0.44704", "kn": "1852/3600"},
    "pressure": {"Pa": "1", "hPa": "100", "kPa": "1000", "bar": "100000", "psi": "6894.757293168", "inHg": "3386.389"},
    "energy": {"J": "1", "kJ": "1000", "Wh": "3600", "kWh": "3600000", "cal": "4.184", "kcal": "4184"},
    "data": {
        "B": "1",
        "kB": "1000",
        "MB": "1000000",
        "GB": "1000000000",
        "KiB": "1024",
        "MiB": "1048576",
        "GiB": "1073741824",
    },
    "temperature": {"degC": "1", "degF": "5/9", "K": "1"},
}
_ZERO_IN_KELVIN = {"degC": Decimal("273.15"), "degF": Decimal("459.67") * 5 / 9, "K": Decimal(0)}


class UnitConvert(PlanModel):
    """Converts between units of one dimension, in double precision."""

    kind: Literal["UNIT_CONVERT"]
    unit_in: Unit
    """The unit of the source's numbers."""
    unit_out: Unit
    """The unit wanted."""

    @model_validator(mode="after")
    def _one_dimension(self) -> Self:
        if _dimension(self.unit_in) != _dimension(self.unit_out):
            message = f"{self.unit_out} measures {_dimension(self.unit_out)}, {self.unit_in} {_dimension(self.unit_in)}"
            raise wrong("/unitOut", message)
        return self


def compile(mapping: UnitConvert, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """One multiplication and, for temperatures, one addition."""
    numbers = text.str.strip_chars().cast(pl.Float64, strict=False)
    factor = _factor(mapping.unit_in) / _factor(mapping.unit_out)
    value = numbers * float(factor)
    if _dimension(mapping.unit_in) == "temperature":
        shift = (_ZERO_IN_KELVIN[mapping.unit_in] - _ZERO_IN_KELVIN[mapping.unit_out]) / _factor(mapping.unit_out)
        value = value + float(shift)
    return Mapped(pl.when(value.is_finite()).then(value), typed=True, expects=text, explain=_no_quantity)


def _dimension(unit: str) -> str:
    return next(name for name, units in _DIMENSIONS.items() if unit in units)


def _factor(unit: str) -> Decimal:
    numerator, _, denominator = _DIMENSIONS[_dimension(unit)][unit].partition("/")
    return Decimal(numerator) / Decimal(denominator or "1")


def _no_quantity(raw: str) -> Problem:
    return Problem("bad_number", f"{shown(raw)} is not a number, or too large to convert.")
