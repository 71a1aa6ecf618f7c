"""Tables under one another in one text: where the second begins.

Only plain cases count: a blank line, or one with nothing in its fields, and a header of its own. What is in doubt stays
in the first table, where what does not fit is rejected, and so seen: a row of words such as ``closed`` or ``n/a``, or
the header once more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from stepmill.etl.candidates.nulls import NULL_WORDS
from stepmill.etl.readers.csv_text import Row, usual_width
from stepmill.etl.readers.header import header_score

_LEAST_ROWS = 4  # of the first table, its header included; lines with a name and a value are fewer
_LEAST_OF_NEXT = 2
_LEAST_OF_SAME_WIDTH = 3
_SHARE = 0.8  # of a block's rows that have its width
_SURE = 0.25  # more than words over other words make
_DIGITS = re.compile("[0-9]+")


@dataclass(frozen=True)
class Below:
    """A second table: the line with its header, and the last line of what is above it."""

    line: int
    last_line_above: int


def second_table(rows: Sequence[Row]) -> Below | None:
    """Where another table begins below the first; None if there is one only."""
    begins = [0, *(index for index in range(1, len(rows)) if _is_apart(rows[index - 1], rows[index]))]
    if len(begins) == 1:  # the usual case, in which nothing has to be looked at
        return None
    table: list[Row] = []
    for begin, end in pairwise([*begins, len(rows)]):
        block = rows[begin:end]
        if table and _is_another(table, block):
            first_empty = begin
            while not _has_something(rows[first_empty - 1]):
                first_empty -= 1
            return Below(block[0].line, rows[first_empty].line - 1)
        if table or _is_table(block):
            table += block
    return None


def _is_apart(above: Row, row: Row) -> bool:
    return row.is_after_blank or not _has_something(above)


def _has_something(row: Row) -> bool:
    return any(map(str.strip, row.cells))


def has_blank_line(text: str, quote: str | None, delimiter: str | None) -> bool:
    """Whether a line has nothing in it, or nothing in its fields."""
    marks = "".join(f"|{re.escape(mark)}" for mark in (quote, delimiter) if mark and not mark.isspace())
    nothing = rf"(?:[^\S\r\n]{marks})*"
    return re.search(rf"(?:\r\n|\n|\r(?!\n)){nothing}(?:\r\n|\n|\r)", text) is not None


def _is_table(block: Sequence[Row]) -> bool:
    body = _of_usual_width(block)
    return len(body) >= _LEAST_ROWS and _has_header(body)


def _is_another(table: Sequence[Row], block: Sequence[Row]) -> bool:
    body = _of_usual_width(block)
    if not body or body[0].line != block[0].line or not _has_header(body):
        return False
    own = _of_usual_width(table)
    if len(body[0].cells) != len(own[0].cells):
        return len(body) >= _LEAST_OF_NEXT
    return len(body) >= _LEAST_OF_SAME_WIDTH and _names_other_columns(body[0], own)


def _names_other_columns(row: Row, own: Sequence[Row]) -> bool:
    """Whether a row that is as wide as the table above names columns of another, and is none of its rows."""
    names = [_plain(cell) for cell in row.cells]
    if names == [_plain(cell) for cell in own[0].cells] or len(set(names)) < len(names):
        return False
    if not all(names) or NULL_WORDS & set(names):
        return False
    columns = zip(*(each.cells for each in own[1:]), strict=True)
    if any(_is_one_of(name, values) for name, values in zip(names, columns, strict=True)):
        return False
    return _has_header([row, *own[1:]])


def _is_one_of(name: str, values: Sequence[str]) -> bool:
    """Whether a text with digits is like others but for these, as “Store 40” is."""
    return _DIGITS.search(name) is not None and _without_digits(name) in map(_without_digits, map(_plain, values))


def _plain(cell: str) -> str:
    return " ".join(cell.split()).casefold()


def _without_digits(text: str) -> str:
    return _DIGITS.sub("0", text)


def _of_usual_width(block: Sequence[Row]) -> list[Row]:
    """Those rows, without fields at their ends that are empty in all; none if they are few, or have one field."""
    filled = [row for row in block if _has_something(row)]
    width = usual_width(filled)
    body = [row for row in filled if len(row.cells) == width]
    used = max((index + 1 for row in body for index, cell in enumerate(row.cells) if cell.strip()), default=0)
    if used < 2 or len(body) < _SHARE * len(filled):
        return []
    return body if used == width else [replace(row, cells=row.cells[:used]) for row in body]


def _has_header(body: Sequence[Row]) -> bool:
    return header_score(body[0].cells, [row.cells for row in body[1:]]) > _SURE
