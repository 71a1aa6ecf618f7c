"""Valid JSON objects, one a line, as their fields: each value as the text that it is, cut out where it stands.

Numbers stay exact to the last digit and nested values are JSON text, because nothing is parsed and written again. What
is needed of the structure is found for megabytes at once, which takes no longer than parsing it would.
"""

from dataclasses import dataclass

import orjson
import polars as pl
import pyarrow as pa

from stepmill.etl.readers.csv_records import byte_series
from stepmill.etl.readers.json_scan import (
    CLOSE_OBJECT,
    COLON,
    COMMA,
    OPEN_OBJECT,
    QUOTE,
    Tokens,
    running_sum,
    scan_tokens,
    without_escapes,
)

_NULL = ord("n")  # no other value begins so


@dataclass(frozen=True)
class Cells:
    """Some fields: of which record, from 0, and with which text; null is null. Of a record each name comes once."""

    records: pl.Series
    values: pl.Series


def cut_fields(text: bytes, tokens: Tokens | None = None) -> dict[str, Cells]:
    """The fields, by their names, of all objects of a text in UTF-8, which is known to be valid objects.

    ``tokens`` are those of the text, if they were looked for before.
    """
    top = _top_tokens(tokens or scan_tokens(without_escapes(text), b"{}[]:,"))
    colons = (top.kinds == COLON).arg_true()
    if len(colons) == 0:
        return {}
    data = byte_series(text)
    names = _slices(text, top.positions.gather(colons - 1), top.positions.gather(colons))
    begins, ends = _values(data, top.positions.gather(colons) + 1, top.positions.gather(colons + 1))
    first_bytes = data.gather(begins)
    is_text = first_bytes == QUOTE
    values = _slices(text, begins + is_text, ends - is_text)
    if b"\\" in text:
        values = _without_escapes(values, is_text)
    if (is_null := first_bytes == _NULL).any():
        values = values.set(is_null, None)
    records = running_sum((top.kinds == OPEN_OBJECT).cast(pl.UInt32)).gather(colons) - 1
    return _by_name(pl.DataFrame({"name": names, "record": records, "value": values}))


def joined(first: Cells, second: Cells) -> Cells:
    """The cells of both, by record; where both have one, the first's."""
    both = pl.DataFrame({"record": first.records.append(second.records), "value": first.values.append(second.values)})
    both = both.unique("record", keep="first", maintain_order=True).sort("record")
    return Cells(both["record"], both["value"])


def _top_tokens(tokens: Tokens) -> Tokens:
    """The marks of the objects themselves, and not of what is nested in them."""
    kinds = tokens.kinds
    chosen = (tokens.depths == 1) & ((kinds == COLON) | (kinds == COMMA) | (kinds == OPEN_OBJECT))
    chosen |= (tokens.depths == 0) & (kinds == CLOSE_OBJECT)
    return Tokens(tokens.positions.filter(chosen), kinds.filter(chosen), tokens.depths.filter(chosen))


def _values(data: pl.Series, begins: pl.Series, ends: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The places without white space around them."""
    while (is_blank := _is_blank(data.gather(begins))).any():
        begins = begins + is_blank
    while (is_blank := _is_blank(data.gather(ends - 1))).any():
        ends = ends - is_blank
    return begins, ends


def _is_blank(data: pl.Series) -> pl.Series:
    return (data == 32) | (data == 9) | (data == 13) | (data == 10)


def _slices(text: bytes, begins: pl.Series, ends: pl.Series) -> pl.Series:
    """The text from each begin to its end: every other piece of the text cut at all of them, without copying it."""
    cuts = pl.DataFrame({"begin": begins, "end": ends}).select(pl.concat_arr("begin", "end")).to_series().explode()
    offsets = cuts.cast(pl.Int64).to_arrow().buffers()[1]
    pieces = pa.LargeStringArray.from_buffers(len(cuts) - 1, offsets, pa.py_buffer(text))
    series = pl.from_arrow(pieces)
    if not isinstance(series, pl.Series):
        raise TypeError("an array makes a series")
    return series.gather_every(2)


def _by_name(cells: pl.DataFrame) -> dict[str, Cells]:
    """Of a name that comes twice in a record the last counts, however it is spelled."""
    parts: dict[str, list[pl.DataFrame]] = {}
    cells = cells.with_row_index("place")
    for (piece,), part in cells.partition_by("name", as_dict=True, include_key=False, maintain_order=True).items():
        parts.setdefault(orjson.loads(str(piece).strip("{, \t\r\n")), []).append(part)
    return {name: _last_of_each_record(pl.concat(found)) for name, found in parts.items()}


def _last_of_each_record(cells: pl.DataFrame) -> Cells:
    records = cells["record"]
    if (records.head(-1) >= records.tail(-1)).any():
        cells = cells.sort("place").unique("record", keep="last", maintain_order=True)
    return Cells(cells["record"], cells["value"])


def _without_escapes(values: pl.Series, is_text: pl.Series) -> pl.Series:
    escaped = (is_text & values.str.contains("\\", literal=True)).arg_true()
    if len(escaped) == 0:
        return values
    quoted = '["' + '","'.join(values.gather(escaped).to_list()) + '"]'
    return values.scatter(escaped, pl.Series(orjson.loads(quoted), dtype=pl.String))
