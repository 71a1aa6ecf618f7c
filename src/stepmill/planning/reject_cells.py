"""A rejected record split into its cells, the offending one marked: so that people see where in a row the fault is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.csv import csv_marks
from stepmill.etl.readers.long_delimiter import restored, shortened
from stepmill.etl.readers.quoting import LineGrammar
from stepmill.etl.readers.text_form import text_form

_SHOWN_CELLS = 200
_SHOWN_OFFENDING = 20  # further ones, where the fault is behind the first 200
_SPLIT_FIELDS = 2_000  # more than a table can have columns
_SHOWN_CHARACTERS = 1_000
_ROW_CHARACTERS = 20_000  # from there on cells are cut shorter: a page has up to 500 rejects
_LEAST_CHARACTERS = 50

Cell = dict[str, Any]


@dataclass(frozen=True)
class CellSplitter:
    """Splits the rejects of one load or preview.

    ``source`` says how its records were read, None if that is not known. ``origins`` are the source columns that each
    column of the plan is made from.
    """

    source: SourceFormat | None = None
    origins: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of_plan(cls, plan: TransformPlan, source: SourceFormat | None = None) -> "CellSplitter":
        """The splitter for what a plan rejects, of a file read as it says or as ``source`` does."""
        return cls(source or plan.source, {column.name: column.source_columns for column in plan.columns})

    def cells(self, record: str, column: str | None, code: str) -> list[Cell] | None:
        """``[{name, value, offending}]``; None where the record can't be split.

        ``record``, ``column`` and ``code`` are those of a reject. A field behind the last column has no name, and a
        cell that is missing no value.
        """
        content = orjson.loads(record)
        found = None
        if isinstance(content, dict):
            origins = self.origins.get(column or "", (column,))
            found = [_cell(name, value, offending=name in origins) for name, value in content.items()]
        elif self.source is not None and self.source.has_layout:
            found = _split(str(content), text_form(self.source), column, code)
        return found and _within_limits(found)


def _split(text: str, source: SourceFormat, column: str | None, code: str) -> list[Cell] | None:
    if source.starts:
        return None  # its fields can't be told, or it would have been a row
    marks = csv_marks(source)
    grammar = LineGrammar(marks.delimiter, marks.quote, marks.escape, skip_initial_space=marks.skip_initial_space)
    text = shortened(text, source.delimiter)
    texts, is_spoilt = grammar.fields(text.encode("utf-8", "backslashreplace"), _SPLIT_FIELDS)
    fields = [restored(field.decode(), source.delimiter) for field in texts]
    is_short = code == "too_few_fields"
    if source.trailing_delimiter and fields[-1] == "" and (is_short or len(fields) > len(source.columns)):
        fields.pop()
    last = fields.pop() if is_spoilt else None
    unquoted = [_unquoted(field, source) for field in fields]
    values: list[str | None] = [field.lstrip(" ") if source.trim_fields else field for field in unquoted]
    if is_spoilt or is_short:
        fault: int | None = len(values)
        values.append(last)
    else:
        fault = source.columns.index(column) if column in source.columns else None
    names = [*source.columns[: len(values)], *[None] * (len(values) - len(source.columns))]
    if fault is not None and column is not None and names[fault] != column:
        return None  # the file's columns are not those that are known here
    return [
        _cell(name, value, offending=place == fault or name is None)
        for place, (name, value) in enumerate(zip(names, values, strict=True))
    ]


def _unquoted(field: str, source: SourceFormat) -> str:
    """What a field says: without its quotes, doubled quotes as one, escaped characters as themselves."""
    quote, escape = source.quote, source.escape
    opened = field.lstrip(" ") if source.skip_initial_space else field
    if not quote or not opened.startswith(quote):
        return _without_escapes(field, escape, None)
    enclosed = opened.rstrip(" \t")
    return _without_escapes(enclosed[1:-1], escape, quote) + opened[len(enclosed) :]


def _without_escapes(text: str, escape: str | None, quote: str | None) -> str:
    if escape is None:
        return text.replace(quote * 2, quote) if quote else text
    doubled = f"{re.escape(quote * 2)}|" if quote else ""
    return re.sub(rf"{doubled}{re.escape(escape)}(.)", lambda match: match[1] or quote or "", text, flags=re.DOTALL)


def _cell(name: str | None, value: str | None, *, offending: bool) -> Cell:
    return {"name": name, "value": value, "offending": offending}


def _within_limits(cells: list[Cell]) -> list[Cell]:
    further = [cell for cell in cells[_SHOWN_CELLS:] if cell["offending"]]
    room = _ROW_CHARACTERS
    shown = []
    for cell in [*cells[:_SHOWN_CELLS], *further[:_SHOWN_OFFENDING]]:
        limit = _SHOWN_CHARACTERS if cell["offending"] else min(_SHOWN_CHARACTERS, max(room, _LEAST_CHARACTERS))
        value = None if cell["value"] is None else cell["value"][:limit]
        room -= len(value or "")
        shown.append({**cell, "value": value})
    return shown
