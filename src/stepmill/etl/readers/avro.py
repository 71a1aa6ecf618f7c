"""Avro files: their records as lines of JSON, and the types that their schema declares as those of a plan.

The source is the Avro specification, sections "Object Container Files" and "Logical Types"
(https://avro.apache.org/docs/1.12.0/specification/).
"""

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

import fastavro
import orjson

from stepmill.errors import DataError
from stepmill.etl.plan.types import MAX_PRECISION, LogicalType, TargetType

MAGIC = b"Obj\x01"
"""How each file begins."""

_VALUE = "value"
_LINES_AT_ONCE = 1_000
_TYPES = {
    "boolean": LogicalType.BOOLEAN,
    "int": LogicalType.INTEGER,
    "long": LogicalType.INTEGER,
    "float": LogicalType.DOUBLE,
    "double": LogicalType.DOUBLE,
    "record": LogicalType.JSON,
    "error": LogicalType.JSON,
    "array": LogicalType.JSON,
    "map": LogicalType.JSON,
}
_LOGICAL_TYPES = {
    ("int", "date"): LogicalType.DATE,
    ("int", "time-millis"): LogicalType.TIME,
    ("long", "time-micros"): LogicalType.TIME,
    ("long", "timestamp-millis"): LogicalType.TIMESTAMPTZ,
    ("long", "timestamp-micros"): LogicalType.TIMESTAMPTZ,
    ("long", "local-timestamp-millis"): LogicalType.TIMESTAMP,
    ("long", "local-timestamp-micros"): LogicalType.TIMESTAMP,
    ("string", "uuid"): LogicalType.UUID,
    ("fixed", "uuid"): LogicalType.UUID,
}
_AS_THEY_ARE = frozenset({"null", "boolean", "int", "long", "string", "enum"})
_SHORT_FLOAT = struct.Struct("f")


@dataclass(frozen=True)
class AvroField:
    """A column: its name, the type that it declares, if it does, and what makes a value of it one for JSON."""

    name: str
    declared: TargetType | None
    convert: Callable[[Any], Any] | None


def avro_fields(schema: Any) -> tuple[AvroField, ...]:
    """The columns of a file with this schema. One that has no records has one column, ``value``."""
    named: dict[str, Any] = {}
    _gather(schema, named)
    fields = schema["fields"] if _is_record(schema) else [{"name": _VALUE, "type": schema}]
    return tuple(_field(str(each["name"]), each["type"], named) for each in fields)


def json_lines(records: Iterator[Any], schema: Any, fields: tuple[AvroField, ...]) -> Iterator[tuple[int, bytes]]:
    """Records as lines of JSON, many at a time: how many, and their text."""
    converts = [(field.name, field.convert) for field in fields if field.convert is not None]
    is_record = _is_record(schema)
    lines: list[bytes] = []
    for each in records:
        record = each if is_record else {_VALUE: each}
        for name, convert in converts:
            record[name] = convert(record[name])
        lines.append(orjson.dumps(record, default=_other))
        if len(lines) == _LINES_AT_ONCE:
            yield len(lines), b"\n".join([*lines, b""])
            lines.clear()
    yield len(lines), b"\n".join([*lines, b""]) if lines else b""


@contextmanager
def opened_avro(file: IO[bytes], name: str) -> Iterator[Any]:
    """The reader of a file's records. Raises DataError ``damaged_file``, also while they are read."""
    try:
        yield fastavro.reader(file)
    except (DataError, OSError, MemoryError):
        raise
    except Exception as error:  # whatever a library makes of bytes that are no Avro
        told = str(error).splitlines()[0].rstrip(".")[:500] if str(error) else type(error).__name__
        raise DataError("damaged_file", f"The Avro file {name!r} can't be read: {told}.") from error


def _is_record(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") in ("record", "error")


def _gather(schema: Any, named: dict[str, Any]) -> None:
    """All types with names, by these."""
    if isinstance(schema, list):
        for each in schema:
            _gather(each, named)
    elif isinstance(schema, dict):
        if "name" in schema:
            named[schema["name"]] = schema
        for each in schema.get("fields", ()):
            _gather(each["type"], named)
        for inner in ("items", "values", "type"):
            if isinstance(schema.get(inner), dict | list):
                _gather(schema[inner], named)


def _field(name: str, schema: Any, named: Mapping[str, Any]) -> AvroField:
    alone = _without_null(schema, named)
    if alone is None:
        return AvroField(name, None, _plain)
    kind, logical = alone["type"], alone.get("logicalType")
    convert = None if kind in _AS_THEY_ARE and logical is None else _short if kind == "float" else _plain
    return AvroField(name, _declared(alone), convert)


def _without_null(schema: Any, named: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a value is if it is not null, in full; None if it may be of several types, or is never anything."""
    if isinstance(schema, list):
        others = [each for each in schema if each != "null"]
        return _without_null(others[0], named) if len(others) == 1 else None
    if isinstance(schema, str):
        found = named.get(schema, {"type": schema})
        return None if found["type"] == "null" else dict(found)
    return _without_null(schema["type"], named) if isinstance(schema["type"], dict | list) else dict(schema)


def _declared(schema: Mapping[str, Any]) -> TargetType:
    kind, logical = schema["type"], schema.get("logicalType")
    if logical == "decimal" and kind in ("bytes", "fixed"):
        precision, scale = schema.get("precision", 0), schema.get("scale", 0)
        fits = 0 < precision <= MAX_PRECISION and 0 <= scale <= precision
        return TargetType(LogicalType.NUMERIC, precision, scale) if fits else TargetType(LogicalType.TEXT)
    found = _LOGICAL_TYPES.get((kind, logical or ""), _TYPES.get(kind, LogicalType.TEXT))
    return TargetType(found)


def _short(value: float | None) -> Any:
    """A number of 32 bits with no more digits than it has."""
    if value is None or not math.isfinite(value):
        return _plain(value)
    return next(short for digits in (6, 7, 8, 9) if _is_same(short := float(f"{value:.{digits}g}"), value))


def _is_same(short: float, value: float) -> bool:
    return bool(_SHORT_FLOAT.unpack(_SHORT_FLOAT.pack(short))[0] == value)


def _plain(value: Any) -> Any:
    """A value that JSON has no form for as a text, also within others."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _other(value: Any) -> str:
    """What orjson does not know."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
