"""The types that a Parquet or Arrow file declares, as those of a plan, whatever the values look like."""

import pyarrow as pa

from stepmill.etl.plan.types import MAX_PRECISION, LogicalType, TargetType

_WIDE = TargetType(LogicalType.NUMERIC, 20, 0)  # of unsigned integers of 64 bits
_EXTENSIONS = {"arrow.uuid": LogicalType.UUID, "arrow.json": LogicalType.JSON}


def declared_type(kind: pa.DataType) -> TargetType | None:
    """What the column is in a table. None where the file says nothing: its values are looked at then."""
    if isinstance(kind, pa.BaseExtensionType):
        found = _EXTENSIONS.get(kind.extension_name)
        return TargetType(found) if found else declared_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return declared_type(kind.value_type)
    if pa.types.is_null(kind):
        return None
    if pa.types.is_decimal(kind):
        return _decimal(kind.precision, kind.scale)
    if pa.types.is_uint64(kind):
        return _WIDE
    return TargetType(next((logical for test, logical in _TESTS if test(kind)), LogicalType.TEXT))


def _decimal(precision: int, scale: int) -> TargetType:
    if scale < 0:
        precision, scale = precision - scale, 0
    fits = precision <= MAX_PRECISION and scale <= precision
    return TargetType(LogicalType.NUMERIC, precision, scale) if fits else TargetType(LogicalType.TEXT)


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.tz is not None)


_TESTS = (
    (pa.types.is_boolean, LogicalType.BOOLEAN),
    (pa.types.is_integer, LogicalType.INTEGER),
    (pa.types.is_floating, LogicalType.DOUBLE),
    (pa.types.is_date, LogicalType.DATE),
    (pa.types.is_time, LogicalType.TIME),
    (_is_moment, LogicalType.TIMESTAMPTZ),
    (pa.types.is_timestamp, LogicalType.TIMESTAMP),
    (pa.types.is_nested, LogicalType.JSON),
)
