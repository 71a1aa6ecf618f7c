"""Tables under one another in one text: where the second begins.

Only plain cases count: a blank line, and a header of its own. What is in doubt stays in the first table, where what
does not fit is rejected, and so seen.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from stepmill.etl.readers.csv_text import Row, usual_width
from stepmill.etl.readers.header import header_score

_LEAST_ROWS = 4  # of the first table, its header included; lines with a name and a value are fewer
_LEAST_OF_NEXT = 2
_LEAST_OF_SAME_WIDTH = 3
_SHARE = 0.8  # of a block's rows that have its width
_SURE = 0.25  # more than words over other words make


def second_table(rows: Sequence[Row]) -> int | None:
    """The index of the row with which another table begins below the first; None if there is one only."""
    begins = [0, *(index for index, row in enumerate(rows) if row.is_after_blank and index)]
    if len(begins) == 1:  # the usual case, in which nothing has to be looked at
        return None
    table: list[Row] = []
    for begin, end in pairwise([*begins, len(rows)]):
        block = rows[begin:end]
        if table and _is_another(table, block):
            return begin
        if table or _is_table(block):
            table += block
    return None


def has_blank_line(text: str, quote: str | None) -> bool:
    """Whether a line has nothing in it, or nothing in quotes."""
    nothing = rf"(?:[^\S\r\n]|{re.escape(quote)})*" if quote else r"[^\S\r\n]*"
    return re.search(rf"(?:\r\n|\n|\r(?!\n)){nothing}(?:\r\n|\n|\r)", text) is not None


def _is_table(block: Sequence[Row]) -> bool:
    body = _of_usual_width(block)
    return len(body) >= _LEAST_ROWS and _has_header(body)


def _is_another(table: Sequence[Row], block: Sequence[Row]) -> bool:
    body = _of_usual_width(block)
    if not body or body[0] is not block[0] or not _has_header(body):
        return False
    own = _of_usual_width(table)
    if len(body[0].cells) != len(own[0].cells):
        return len(body) >= _LEAST_OF_NEXT
    is_again = body[0].cells == own[0].cells
    return not is_again and len(body) >= _LEAST_OF_SAME_WIDTH and _has_header([body[0], *own[1:]])


def _of_usual_width(block: Sequence[Row]) -> list[Row]:
    """Those rows; none if they are few of the block, or have one field."""
    width = usual_width(block)
    body = [row for row in block if len(row.cells) == width]
    return body if width > 1 and len(body) >= _SHARE * len(block) else []


def _has_header(body: Sequence[Row]) -> bool:
    return header_score(body[0].cells, [row.cells for row in body[1:]]) > _SURE
