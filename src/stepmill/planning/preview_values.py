"""Typed values as JSON: as the table's own rows would show them."""

import math
from typing import Any

import orjson

from stepmill.etl.plan.types import LogicalType


def json_value(kind: LogicalType, value: Any) -> Any:
    """A value of a typed frame as the table's own rows would show it."""
    if value is None:
        return None
    if kind is LogicalType.NUMERIC:
        return orjson.Fragment(format(value, "f"))
    if kind is LogicalType.UUID:
        text = bytes(value).hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    if kind is LogicalType.JSON:
        return orjson.Fragment(value)
    if kind is LogicalType.DOUBLE and not math.isfinite(value):
        return str(value)
    return value


def json_text(data: Any) -> str:
    """JSON in which numbers keep all their digits. A compute child's answer carries it as a text."""
    return orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z).decode()
