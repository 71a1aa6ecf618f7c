"""JSON records, one a line, as columns of text.

Each field at the top of a record is a column. A string is taken as it is, any other value as the text that stands in
the file. Polars checks that all lines are valid (400 MB/s here, orjson 160, the json module 20 to 50); lines that are
not, or that only might be, are read one by one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
import polars as pl

from stepmill.errors import DataError
from stepmill.etl.plan.base import MAX_SOURCE_COLUMNS
from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.json_exact import read_object
from stepmill.etl.readers.json_fields import Cells, cut_fields, joined
from stepmill.etl.readers.json_scan import Scanned

_MAX_NAME = 1_000
_NO_NAME = "(no name)"
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")  # maybe: two of them are a whole one
_NO_FIELDS = {"\x00": pl.String()}  # of no interest, so that lines are checked and nothing is kept of them


@dataclass(frozen=True)
class JsonRows:
    """The rows of some lines, which of the lines they are, and the rejects with theirs."""

    frame: pl.DataFrame
    indexes: pl.Series
    rejects: list[tuple[int, Reject]]


class FieldNames:
    """The fields of a source, in the order in which they were first seen, unless they were given."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.names = list(known)
        self._is_fixed = bool(self.names)
        self._known = set(self.names)

    def add(self, names: Iterable[str]) -> None:
        """Add those that are new, if any may be. Raises DataError ``too_many_columns``."""
        if self._is_fixed:
            return
        for name in names:
            if name not in self._known:
                self._known.add(name)
                self.names.append(name)
        if len(self.names) > MAX_SOURCE_COLUMNS:
            raise DataError(
                "too_many_columns",
                f"The records have more than {MAX_SOURCE_COLUMNS:,} different fields. Are their names values?",
                details={"limit": MAX_SOURCE_COLUMNS},
            )


def read_json_lines(
    text: bytes, numbers: Sequence[int], fields: FieldNames, scanned: Scanned | None = None
) -> JsonRows:
    """The records of a text in UTF-8, one on each line; ``numbers`` are the lines of the file that they begin on.

    ``scanned``: the same records, if their marks are known.
    """
    if _is_sure(text):
        cells = cut_fields(scanned.text, scanned.tokens) if scanned is not None else cut_fields(text)
        return JsonRows(_frame(cells, len(numbers), fields), _indexes(range(len(numbers))), [])
    lines = text.split(b"\n")
    read = {index: read_object(lines[index].decode(), numbers[index]) for index in _doubtful(lines)}
    sure = _indexes([index for index in range(len(lines)) if index not in read])
    cells = {
        name: Cells(sure.gather(found.records), found.values)
        for name, found in cut_fields(b"\n".join(lines[index] for index in sure.to_list())).items()
    }
    for name, found in _cells_of(read).items():
        cells[name] = joined(cells[name], found) if name in cells else found
    rejects = [(index, found) for index, found in read.items() if isinstance(found, Reject)]
    gone = {index for index, _ in rejects}
    kept = [index for index in range(len(lines)) if index not in gone]
    return JsonRows(_frame(cells, len(lines), fields)[kept], _indexes(kept), rejects)


def _is_sure(text: bytes) -> bool:
    """Whether all lines are valid objects. Polars lets halves of characters pass, which can't be stored."""
    if not text:
        return True
    try:
        pl.read_ndjson(text, schema=_NO_FIELDS)
    except pl.exceptions.PolarsError:
        return False
    return _HALF_CHARACTER.search(text) is None


def _doubtful(lines: Sequence[bytes]) -> list[int]:
    """The lines that may not be valid, by index."""
    return [index for index, line in enumerate(lines) if _HALF_CHARACTER.search(line) or not _is_object(line)]


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _cells_of(read: dict[int, dict[str, str | None] | Reject]) -> dict[str, Cells]:
    found: dict[str, tuple[list[int], list[str | None]]] = {}
    for index, fields in read.items():
        if not isinstance(fields, Reject):
            for name, value in fields.items():
                records, values = found.setdefault(name, ([], []))
                records.append(index)
                values.append(value)
    return {
        name: Cells(pl.Series(records, dtype=pl.UInt32), pl.Series(values, dtype=pl.String))
        for name, (records, values) in found.items()
    }


def _frame(cells: dict[str, Cells], height: int, fields: FieldNames) -> pl.DataFrame:
    """The cells as columns, by the names that columns can have."""
    named: dict[str, Cells] = {}
    for key, found in cells.items():
        name = _column_name(key)
        named[name] = joined(named[name], found) if name in named else found
    fields.add(sorted(named, key=lambda name: named[name].records[0]))
    if not fields.names:
        return pl.DataFrame(height=height)
    return pl.DataFrame([_column(name, named.get(name), height) for name in fields.names])


def _column(name: str, cells: Cells | None, height: int) -> pl.Series:
    if cells is not None and len(cells.values) == height:
        return cells.values.alias(name)
    column = pl.Series(name, [None], dtype=pl.String).new_from_index(0, height)
    return column if cells is None else column.scatter(cells.records, cells.values)


def _indexes(indexes: Sequence[int]) -> pl.Series:
    if isinstance(indexes, range):
        return pl.int_range(len(indexes), dtype=pl.UInt32, eager=True)
    return pl.Series(indexes, dtype=pl.UInt32)


def _column_name(key: str) -> str:
    """What a column can be called: PostgreSQL has no NUL, and a name has an end."""
    return key.replace("\x00", "")[:_MAX_NAME] or _NO_NAME
