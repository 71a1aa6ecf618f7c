"""JSON records, one a line, as columns of text.

Each field at the top of a record is a column. A string is taken as it is, a nested value as JSON text, a number as it
is written, so that large integers and decimals stay exact. Polars does most lines (190 MB/s here, orjson 90, the json
module 20 to 50, with the columns still to be built), but it reads numbers as doubles and writes control characters
bare. Lines where that could show are found by a regular expression (500 MB/s) and go through the json module.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from stepmill.errors import DataError
from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.limits import MAX_COLUMNS
from stepmill.etl.readers.rejects import reject_record

# A decimal with zeros at its end, a number of 16 digits or more, an exponent, minus zero; an escaped control character
# or surrogate.
_DELICATE = r"\d\.\d*0[,\]}\s]|[\d.]{17}|\d[eE][+\-\d]|-0[,\]}\s]|\\u(?:00[01]|[dD][89a-fA-F])|\\[bft]"
_KEYS = r'"(?:[^"\\]|\\.)*"\s*:'
_MAX_SEEN = 10_000
_MAX_NAME = 1_000


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """An object as it is written, doubled keys and all."""

    __slots__ = ()


_decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_Object)


@dataclass(frozen=True)
class JsonRows:
    """The rows of some lines, the lines' numbers, and the rejects."""

    frame: pl.DataFrame
    lines: pl.Series
    rejects: list[Reject]


class FieldNames:
    """The fields of a source, in the order in which they were first seen."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.names = list(known)
        self._is_fixed = bool(self.names)
        self._known = set(self.names)
        self._seen: set[str] = set()

    def collect(self, lines: pl.Series) -> None:
        """Add what fields the lines have, unless the fields were given. Raises DataError ``too_many_columns``."""
        if self._is_fixed:
            return
        if len(self._seen) < _MAX_SEEN:
            lines = self._with_unseen_keys(lines)
        for line in lines.to_list():
            for name in _keys_of(line):
                if name not in self._known:
                    self._add(name)

    def _with_unseen_keys(self, lines: pl.Series) -> pl.Series:
        """The lines that have a key, at any depth, that no line before had: after a few, hardly any."""
        found = lines.str.extract_all(_KEYS).explode().unique().drop_nulls()
        new = found.filter(~found.is_in(list(self._seen))).to_list()
        self._seen.update(new)
        return lines.filter(lines.str.contains_any(new)) if new else lines.clear()

    def _add(self, name: str) -> None:
        self._known.add(name)
        if not name or "\x00" in name or len(name) > _MAX_NAME:
            return  # no column can be called that
        self.names.append(name)
        if len(self.names) > MAX_COLUMNS:
            raise DataError(
                "too_many_columns",
                f"The records have more than {MAX_COLUMNS:,} different fields. A table can have {MAX_COLUMNS:,} columns"
                f" at most: PostgreSQL's limit is 1,600, and {1_600 - MAX_COLUMNS} are Stepmill's own.",
                details={"limit": MAX_COLUMNS},
            )


def read_json_lines(lines: pl.Series, numbers: pl.Series, fields: FieldNames) -> JsonRows:
    """The records of these lines, of which none is blank; ``numbers`` are their places in the file."""
    fields.collect(lines)
    delicate = lines.str.contains(_DELICATE)
    frame = _read_fast(lines.filter(~delicate), fields.names)
    if frame is None:
        return _read_exactly(lines, numbers, fields.names)
    if not delicate.any():
        return JsonRows(frame, numbers, [])
    exact = _read_exactly(lines.filter(delicate), numbers.filter(delicate), fields.names)
    all_numbers = pl.concat([numbers.filter(~delicate), exact.lines])
    order = all_numbers.arg_sort()
    return JsonRows(_stack(frame, exact.frame)[order], all_numbers.gather(order), exact.rejects)


def _stack(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([first, second]) if first.width else pl.DataFrame(height=first.height + second.height)


def _read_fast(lines: pl.Series, names: list[str]) -> pl.DataFrame | None:
    """None if a line is no JSON object, or can't be told fast."""
    if len(lines) == 0:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
    try:
        frame = pl.read_ndjson("\n".join(lines.to_list()).encode(), schema=dict.fromkeys(names, pl.String()))
    except pl.exceptions.PolarsError:
        return None
    return frame if frame.height == len(lines) else None


def _read_exactly(lines: pl.Series, numbers: pl.Series, names: list[str]) -> JsonRows:
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    kept: list[int] = []
    rejects = []
    for line, number in zip(lines.to_list(), numbers.to_list(), strict=True):
        record = _parse(line, number)
        if isinstance(record, Reject):
            rejects.append(record)
            continue
        kept.append(number)
        for name, values in columns.items():
            values.append(record.get(name))
    frame = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String())) if names else pl.DataFrame(height=len(kept))
    return JsonRows(frame, pl.Series(kept, dtype=numbers.dtype), rejects)


def _parse(line: str, number: int) -> dict[str, str | None] | Reject:
    try:
        record = _decoder.decode(line)
        if not isinstance(record, _Object):
            return reject_record("not_an_object", number, line, detail=_describe(record))
        fields: dict[str, str | None] = {}
        for key, value in record:
            if key not in fields:  # of a doubled key the first counts, as it does with Polars
                fields[key] = _as_text(value)
        "".join(text for text in fields.values() if text is not None).encode()
    except RecursionError:
        return reject_record("bad_json", number, line, detail="it is nested too deeply")
    except UnicodeEncodeError:
        return reject_record("bad_json", number, line, detail="it escapes half a character (a lone surrogate)")
    except ValueError as error:
        return reject_record("bad_json", number, line, detail=str(error))
    return fields


def _describe(value: Any) -> str:
    if value is None:
        return "null"
    return "an array" if isinstance(value, list) else "a single value"


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return _written(value)


def _written(value: Any) -> str:
    """JSON text, spaced as Polars spaces it."""
    if isinstance(value, _Object):
        return "{" + ", ".join(f"{_quoted(key)}: {_written(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, _Number):
        return value if value[-1].isdigit() else _quoted(value)  # NaN and Infinity are no JSON
    if isinstance(value, str):
        return _quoted(value)
    return "null" if value is None else str(value).lower()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _keys_of(line: str) -> Iterable[str]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        parsed = _parse(line, 0)
        record = {} if isinstance(parsed, Reject) else parsed
    return record if isinstance(record, dict) else ()
