"""A process of its own that writes one sheet of a workbook as CSV text.

A workbook can't be read in pieces: the library holds a whole sheet in memory, and is ended by the system, not by an
error, where that has no end. So it runs apart, within a limit of memory, which is free again when the process is gone.

Called with a ``SheetOrder`` as JSON. It writes JSON lines: ``{"rows", "of"}`` while it works, and at last the
``SheetText``, or ``{"code", "message"}`` where the workbook can't be read.
"""

import csv
import datetime
import json
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import python_calamine as calamine

from stepmill.lifelines import die_with

LINE_END_IN_CELL = "\x1e"
"""Stands for a line end in a cell, so that each row of the sheet is one line of the text."""

_PROGRESS_ROWS = 20_000
_WHOLE_NUMBERS_BELOW = 1e21  # from there on shown with an exponent, as everywhere

Cell = Any
_Span = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class SheetOrder:
    """What is to be written: the sheet ``wanted``, if there is one, else the likeliest. The file is local.

    ``parent`` is the process that orders it.
    """

    workbook: str
    wanted: str | None
    target: str
    memory_bytes: int
    parent: int


@dataclass(frozen=True)
class SheetText:
    """What was written: the sheet, and which others there are, in the workbook's order. None if all are empty."""

    sheet: str | None
    others: tuple[str, ...]
    hidden: tuple[str, ...]


def main(argument: str) -> None:
    """Do what is ordered and say what came of it."""
    order = SheetOrder(**json.loads(argument))
    die_with(order.parent)
    _limit_memory(order.memory_bytes)
    try:
        answer = asdict(_write(order))
    except calamine.PasswordError:
        answer = {"code": "encrypted_workbook", "message": "has a password. Save it without one"}
    except calamine.CalamineError as error:
        answer = {"code": "damaged_file", "message": f"is damaged: {error}"}
    _say(answer)


def _limit_memory(limit: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _write(order: SheetOrder) -> SheetText:
    with calamine.load_workbook(order.workbook) as book:
        sheets = [each for each in book.sheets_metadata if each.typ is calamine.SheetTypeEnum.WorkSheet]
        visible = [each.name for each in sheets if each.visible is calamine.SheetVisibleEnum.Visible]
        hidden = tuple(each.name for each in sheets if each.name not in visible)
        sheet = _choose(book, order.wanted, visible, hidden)
        if sheet is None:
            return SheetText(None, (), hidden)
        with Path(order.target).open("w", encoding="utf-8", newline="") as target:
            _write_rows(sheet, target)
        others = (tuple(name for name in names if name != sheet.name) for names in (visible, hidden))
        return SheetText(sheet.name, *others)


def _choose(
    book: calamine.CalamineWorkbook, wanted: str | None, visible: Sequence[str], hidden: Sequence[str]
) -> calamine.CalamineSheet | None:
    """The first visible sheet that may be a table; a cover often comes before it. None if there is nothing at all."""
    if wanted in (*visible, *hidden):
        return book.get_sheet_by_name(str(wanted))
    filled: str | None = None
    for name in visible or hidden:
        sheet = book.get_sheet_by_name(name)
        if sheet.height > 1 and sheet.width > 1:
            return sheet
        if sheet.height and filled is None:
            filled = name
    return book.get_sheet_by_name(filled) if filled is not None else None


def _write_rows(sheet: calamine.CalamineSheet, target: Any) -> None:
    writer = csv.writer(target, lineterminator="\n")
    of = sheet.total_height
    for number, row in enumerate(_filled(sheet)):
        if any(row):
            writer.writerow(row)
        else:
            target.write("\n")
        if number % _PROGRESS_ROWS == 0:
            _say({"rows": number, "of": of})


def _filled(sheet: calamine.CalamineSheet) -> Iterator[list[str]]:
    """The rows as texts, from the sheet's first on. A merged cell's value stands in each cell that it covers.

    Not in those beside it where it has the row for itself: then it is a title.
    """
    covers = _Merged(sheet)
    for number, cells in enumerate(sheet.iter_rows()):
        row = [_TEXT[type(cell)](cell) for cell in cells]
        yield covers.fill(number, row)


class _Merged:
    """The merged cells of a sheet, as its rows go by."""

    def __init__(self, sheet: calamine.CalamineSheet) -> None:
        first = sheet.start[1] if sheet.start else 0
        spans = sorted(sheet.merged_cell_ranges or ())
        self._coming = [((top, left - first), (bottom, right - first)) for (top, left), (bottom, right) in spans]
        self._coming.reverse()
        self._open: list[tuple[_Span, str]] = []

    def fill(self, number: int, row: list[str]) -> list[str]:
        while self._coming and self._coming[-1][0][0] <= number:
            span = self._coming.pop()
            (_, left), (_, right) = span
            if 0 <= left < len(row):
                is_alone = right > left and not any(row[:left]) and not any(row[right + 1 :])
                self._open.append(((span[0], (span[1][0], left if is_alone else right)), row[left]))
        if self._open:
            self._open = [(span, text) for span, text in self._open if span[1][0] >= number]
            for ((_, left), (_, right)), text in self._open:
                row[left : right + 1] = [text] * (min(right + 1, len(row)) - left)
        return row


def _text(value: str) -> str:
    if value.isprintable():
        return value
    return value.replace("\r\n", LINE_END_IN_CELL).replace("\n", LINE_END_IN_CELL).replace("\r", LINE_END_IN_CELL)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < _WHOLE_NUMBERS_BELOW else repr(value)


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _span(value: datetime.timedelta) -> str:
    minutes, seconds = divmod(value.total_seconds(), 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02}:{seconds:09.6f}".removesuffix(".000000")


_TEXT: dict[type, Callable[[Any], str]] = {
    str: _text,
    float: _number,
    int: str,
    bool: _truth,
    datetime.date: datetime.date.isoformat,
    datetime.datetime: datetime.datetime.isoformat,
    datetime.time: datetime.time.isoformat,
    datetime.timedelta: _span,
}

if __name__ == "__main__":
    main(sys.argv[1])
