"""Where the table begins in a CSV text, and whether its first rows name the columns."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stepmill.etl.readers.cells import CellKind, kind_of
from stepmill.etl.readers.column_names import joined_header
from stepmill.etl.readers.csv_text import Row, usual_width

_COMMENT = "#"
_BODY_ROWS = 200
_DOUBT = 0.2
_SURE = 0.25  # more than words over other words make
_PLAIN = 0.5  # half of the columns hold numbers or times, and the row words
_MAX_METADATA_ROWS = 20
_MAX_HEADER_ROWS = 5
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+|[A-Za-z]?[a-z0-9]+(?:[A-Z][a-z0-9]+)+(?:ID)?|[A-Z][a-z]+ID")
_ADDRESS = re.compile(r"://|\w@\w")
_NAME_LIKE = re.compile(r"[^\W\d][\w .:/%()#-]*")


@dataclass(frozen=True)
class Layout:
    """What the rows of a text are."""

    preamble_rows: int
    header: list[str] | None
    """The names as they stand in the file; of several rows, joined by a space."""
    header_rows: int
    width: int
    trailing_delimiter: bool
    comment: str | None
    is_doubtful: bool
    """Whether it is a guess that the first row is a header, or is none."""
    agreement: float
    """The share of rows, from the first of the table on, that have its width."""
    skips_fields: bool
    """Whether a line before the table, and no comment, could have been a row: it has several fields."""


def find_layout(rows: list[Row], others: list[Row]) -> Layout:
    """The layout of a text that begins with ``rows``; ``others`` are from further on. There is at least one row."""
    first = _first_row(rows, others)
    width = len(rows[first].cells)
    first += _padded_metadata([row for row in rows[first:] if len(row.cells) == width], others)
    table = [*rows[first:], *others]
    body = [row.cells for row in table if len(row.cells) == width]
    comment = _find_comment(table, width)
    agreement = _agreement(table, width)
    skips_fields = any(_has_fields(row) for row in rows[:first])
    above = rows[first - 1] if first else None
    if above is not None and _names_another_width(above.cells, body, width):
        skips_fields = any(_has_fields(row) for row in rows[: first - 1])
        return _with_header_above(above, body, width, comment, agreement, skips_fields=skips_fields)
    score = header_score(body[0], body[1 : _BODY_ROWS + 1])
    has_header = score > 0
    header_rows = _header_rows(body) if has_header else 0
    trailing = _ends_empty(body[1:]) and has_header and body[0][-1] == "" and width > 1
    trailing = trailing or (len(body) == 1 and has_header and width > 1 and body[0][-1] == "")
    return Layout(
        preamble_rows=rows[first].line - 1,
        header=joined_header(body[:header_rows])[: width - trailing] if has_header else None,
        header_rows=header_rows,
        width=width - trailing,
        trailing_delimiter=trailing,
        comment=comment,
        is_doubtful=abs(score) <= _DOUBT,
        agreement=agreement,
        skips_fields=skips_fields,
    )


def header_score(row: Sequence[str], body: Sequence[Sequence[str]]) -> float:
    """Above 0 if the row rather names the columns of ``body`` than belongs to it; the larger, the surer."""
    if not any(cell.strip() for cell in row):
        return -1.0
    if not body:
        return 0.3 if all(_can_be_name(cell) for cell in row if cell) else -0.3
    are_years = _are_years(row)
    votes = 0.0
    for index, cell in enumerate(row):
        values = [cells[index] for cells in body]
        votes += _vote(cell, values, is_year=are_years and kind_of(cell) is CellKind.NUMBER)
    return votes / len(row)


def _names_another_width(above: list[str], body: list[list[str]], width: int) -> bool:
    """Whether the row above the first one of the usual width is the header all the same."""
    return (
        width > 1
        and len(above) > 1
        and len(above) >= width - 1
        and all(_can_be_name(cell) for cell in above[:-1])
        and header_score(body[0], body[1 : _BODY_ROWS + 1]) <= 0
    )


def _with_header_above(
    above: Row, body: list[list[str]], width: int, comment: str | None, agreement: float, *, skips_fields: bool
) -> Layout:
    header = above.cells[:-1] if above.cells[-1] == "" else above.cells
    trailing = len(header) == width - 1 and _ends_empty(body)
    if len(header) == width - 1 and not trailing:
        header = ["", *header]  # R leaves out the name of the rows' names
    return Layout(
        preamble_rows=above.line - 1,
        header=header,
        header_rows=1,
        width=len(header),
        trailing_delimiter=trailing,
        comment=comment,
        is_doubtful=len(header) != width,
        agreement=agreement,
        skips_fields=skips_fields,
    )


def _header_rows(body: list[list[str]]) -> int:
    """How many rows name the columns: groups above names, or units below them, over columns that are no words."""
    count = 1
    while count < _MAX_HEADER_ROWS and len(body) > count + _MAX_HEADER_ROWS:
        row = body[count]
        if any(cell.strip() and not _can_be_name(cell) for cell in row):
            break
        if header_score(row, body[count + 1 : _BODY_ROWS + count + 1]) <= _PLAIN:
            break
        count += 1
    return count


def _padded_metadata(rows: list[Row], others: list[Row]) -> int:
    """How many of the rows, all of one width, are about the table: a word or two, and then only delimiters.

    A header without gaps comes after them, and the rows below it have values where they have none.
    """
    count = 0
    while count < min(len(rows), _MAX_METADATA_ROWS) and _is_padded(rows[count].cells):
        count += 1
    if not count or count == len(rows) or not all(cell.strip() for cell in rows[count].cells):
        return 0
    body = [row.cells for row in [*rows[count + 1 :], *others] if len(row.cells) == len(rows[count].cells)]
    body = body[:_BODY_ROWS]
    padded = sum(_is_padded(cells) for cells in body)
    return count if padded * 10 <= len(body) and header_score(rows[count].cells, body) > _SURE else 0


def _is_padded(cells: Sequence[str]) -> bool:
    filled = [index for index, cell in enumerate(cells) if cell.strip()]
    return len(cells) > 2 and len(filled) <= 2 and (not filled or filled[-1] < min(2, len(cells) - 1))


def _ends_empty(body: list[list[str]]) -> bool:
    return bool(body) and all(cells[-1] == "" for cells in body)


def _agreement(table: list[Row], width: int) -> float:
    counted = [row for row in table if len(row.cells) == width or not _is_marked(row)]
    return sum(len(row.cells) == width for row in counted) / len(counted)


def _first_row(rows: list[Row], others: list[Row]) -> int:
    """The index of the first row of the table. In a single column, comments above it have its width.

    Rows of the usual width may come late because the first ones are of another: then those are the table all the same,
    and what does not fit is rejected, not passed over.
    """
    width = usual_width([*rows, *others])
    if width == 1 and not all(_is_marked(row) for row in rows):
        return next(index for index, row in enumerate(rows) if not _is_marked(row))
    usual = next((index for index, row in enumerate(rows) if len(row.cells) == width), None)
    above = rows if usual is None else rows[:usual]
    has_header = usual is not None and _header_score_at(rows, usual, others) > 0
    begin = next((index for index in range(len(above)) if _begins_table(rows, index, has_header=has_header)), None)
    if usual is None:
        return begin or 0
    if begin is None or _is_header_of_next(rows, begin, usual) or _are_metadata(rows, begin, usual, others):
        return usual
    return begin


def _begins_table(rows: list[Row], index: int, *, has_header: bool) -> bool:
    """Whether a row above those of the usual width looks like the first of a table, which may have a header below."""
    row = rows[index]
    if not _has_fields(row):
        return False
    if index + 1 < len(rows) and len(rows[index + 1].cells) == len(row.cells):
        return True
    return not has_header and all(_can_be_name(cell) for cell in row.cells)


def _is_header_of_next(rows: list[Row], begin: int, usual: int) -> bool:
    """Whether only a header is of another width, as ``_names_another_width`` has it."""
    return begin == usual - 1 and abs(len(rows[begin].cells) - len(rows[usual].cells)) == 1


def _are_metadata(rows: list[Row], begin: int, usual: int, others: list[Row]) -> bool:
    """Whether these rows, such as ``Station,Berlin``, are about the table that begins below, or rows that lack fields.

    They are few, narrower than the table, begin with words, and it begins anew: with a header, which must be the surer
    if there is no blank line before it.
    """
    above, width = rows[begin:usual], len(rows[usual].cells)
    table = sum(len(row.cells) == width for row in [*rows[usual:], *others])
    if len(above) > _MAX_METADATA_ROWS or 2 * len(above) > table + 1 or any(len(row.cells) >= width for row in above):
        return False
    if any(len(row.cells) > 1 and kind_of(row.cells[0]) in (CellKind.NUMBER, CellKind.TIME) for row in above):
        return False
    return _header_score_at(rows, usual, others) > (0 if rows[usual].is_after_blank else _SURE)


def _header_score_at(rows: list[Row], index: int, others: list[Row]) -> float:
    width = len(rows[index].cells)
    body = [row.cells for row in [*rows[index + 1 :], *others] if len(row.cells) == width]
    return header_score(rows[index].cells, body[:_BODY_ROWS])


def _is_marked(row: Row) -> bool:
    return row.cells[0].startswith(_COMMENT)


def _has_fields(row: Row) -> bool:
    return len(row.cells) > 1 and not _is_marked(row)


def _find_comment(rows: list[Row], width: int) -> str | None:
    """The mark of comment lines, if there are some among the rows and no row looks like one."""
    marked = [row for row in rows if _is_marked(row)]
    return _COMMENT if marked and width > 1 and all(len(row.cells) != width for row in marked) else None


def _vote(cell: str, values: list[str], *, is_year: bool) -> float:
    kinds = Counter(kind_of(value) for value in values)
    filled = len(values) - kinds[CellKind.EMPTY]
    typed = kinds[CellKind.NUMBER] + kinds[CellKind.TIME]
    kind = kind_of(cell)
    if kind is CellKind.EMPTY or filled == 0:
        return 0.0
    is_typed_cell = kind in (CellKind.NUMBER, CellKind.TIME) and not is_year
    if typed > 0.8 * filled:
        return -1.0 if is_typed_cell else 1.0
    if is_typed_cell or cell in values:
        return -0.5
    if _IDENTIFIER.fullmatch(cell) and sum(_IDENTIFIER.fullmatch(value) is not None for value in values) < filled / 2:
        return 0.5
    return 0.2 if _NAME_LIKE.fullmatch(cell.strip()) else 0.0


def _can_be_name(cell: str) -> bool:
    return kind_of(cell) not in (CellKind.NUMBER, CellKind.TIME, CellKind.EMPTY) and not _ADDRESS.search(cell)


def _are_years(row: Sequence[str]) -> bool:
    numbers = [cell.strip() for cell in row if kind_of(cell) is CellKind.NUMBER]
    return (
        len(numbers) > 1
        and all(cell.isascii() and cell.isdigit() and len(cell) == 4 and 1800 <= int(cell) <= 2200 for cell in numbers)
        and len(set(numbers)) == len(numbers)
    )
