"""The values of an Arrow array as texts, from which the values of a plan's types are read again without loss.

Numbers in full, days and times in ISO 8601, moments with a zone in UTC, bytes in hexadecimal as PostgreSQL writes them,
what has parts as JSON.
"""

from typing import Any

import orjson
import polars as pl
import pyarrow as pa

_MOMENT = "%Y-%m-%dT%H:%M:%S%.f"


def as_texts(array: pa.Array) -> pl.Series:
    """The texts, null where there is no value."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _of_extension(array, kind)
    if pa.types.is_dictionary(kind):
        return as_texts(array.dictionary_decode())
    if pa.types.is_null(kind):
        return pl.Series([None] * len(array), dtype=pl.String)
    if pa.types.is_timestamp(kind):
        return _moments(pl.Series(pl.from_arrow(array)), has_zone=kind.tz is not None)
    if pa.types.is_time(kind):
        return pl.Series(pl.from_arrow(array)).dt.to_string("%H:%M:%S%.f")
    if pa.types.is_duration(kind):
        return pl.Series(pl.from_arrow(array)).dt.to_string("iso")
    if pa.types.is_nested(kind):
        return _json(array)
    if _is_binary(kind):
        return r"\x" + pl.Series(pl.from_arrow(array.cast(pa.large_binary()))).bin.encode("hex")
    return _plain(array)


def _plain(array: pa.Array) -> pl.Series:
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pl.Series(pl.from_arrow(array)).cast(pl.String)
    if pa.types.is_float16(kind):
        array = array.cast(pa.float32())
    try:
        return pl.Series(pl.from_arrow(array.cast(pa.large_string())))
    except pa.ArrowNotImplementedError:
        return pl.Series([None if value is None else str(value) for value in array.to_pylist()], dtype=pl.String)


def _is_binary(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_fixed_size_binary,
            pa.types.is_binary_view,
        )
    )


def _of_extension(array: Any, kind: pa.BaseExtensionType) -> pl.Series:
    texts = as_texts(array.storage)
    if kind.extension_name == "arrow.uuid":
        return texts.str.strip_prefix(r"\x").str.replace(r"^(.{8})(.{4})(.{4})(.{4})", "$1-$2-$3-$4-")
    return texts


def _moments(values: pl.Series, *, has_zone: bool) -> pl.Series:
    if has_zone:
        return values.dt.convert_time_zone("UTC").dt.to_string(f"{_MOMENT}Z")
    return values.dt.to_string(_MOMENT)


def _json(array: pa.Array) -> pl.Series:
    """By way of Python's values, of which there is none for some that JSON has no form for: those are texts."""
    texts = [
        None if value is None else orjson.dumps(_for_json(value)).decode()
        for value in array.to_pylist(maps_as_pydicts="lossy")
    ]
    return pl.Series(texts, dtype=pl.String)


def _for_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _for_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_for_json(part) for part in value]
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
