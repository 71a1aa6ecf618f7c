"""Workbooks of Excel and OpenDocument: told from other files by their content, and one sheet of them written as text.

The text is CSV in which each row of the sheet is one line, so that a place in it is one in the sheet.
"""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepmill.errors import DataError
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.bombs import refuse_bomb
from stepmill.etl.readers.csv_text import Dialect
from stepmill.etl.readers.workbook_child import LINE_END_IN_CELL, SheetOrder, SheetText

SHEET_DIALECT = Dialect(",", '"', None)
"""Of the text that is written."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLD_OFFICE = "an old Office document (.xls, .doc)"
_ZIP = b"PK\x03\x04"
_MAIN_PARTS = ("xl/workbook.xml", "xl/workbook.bin")
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
_TYPE_PART = "mimetype"
_MEMORY = "STEPMILL_COMPUTE_MEMORY_BYTES"
_MEMORY_BYTES = 2 * 1024**3
_CHILD = "stepmill.etl.readers.workbook_child"

Progress = Callable[[int, int | None], None]


def may_be_workbook(head: bytes) -> bool:
    """Whether a file that begins so is worth looking at."""
    return head.startswith((_OLE, _ZIP))


def is_workbook(file: Path) -> bool:
    """Whether it is a workbook that can be read, or an old Office document, which tells only when it is."""
    with file.open("rb") as stored:
        if stored.read(len(_OLE)) == _OLE:
            return True
    with suppress(zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError), zipfile.ZipFile(file) as parts:
        names = set(parts.namelist())
        if not names.isdisjoint(_MAIN_PARTS):
            return True
        if _TYPE_PART in names:
            with parts.open(_TYPE_PART) as content:
                return content.read(len(_OPEN_DOCUMENT)) == _OPEN_DOCUMENT
    return False


def write_sheet(workbook: Path, name: str, wanted: str | None, target: Path, on_progress: Progress) -> SheetText:
    """Write one sheet to ``target``: the ``wanted`` one if there is such, else the first visible with a table.

    ``on_progress`` hears how many rows of how many are written. Raises DataError ``empty_file``, ``damaged_file``,
    ``encrypted_workbook``, ``workbook_too_large``, ``compression_bomb`` and ``not_a_table``.
    """
    _refuse_bombs(workbook)
    memory = int(os.environ.get(_MEMORY, _MEMORY_BYTES))
    order = SheetOrder(str(workbook), wanted, str(target), memory, os.getpid())
    answer = _run(order, on_progress)
    if answer is None:
        raise DataError(
            "workbook_too_large",
            f"{name!r} needs more than {memory // 1024**2:,} MiB of memory to be read. Save the sheet as CSV, or give"
            f" it more by {_MEMORY}.",
        )
    if "code" in answer:
        raise _refusal(workbook, name, answer)
    text = SheetText(answer["sheet"], tuple(answer["others"]), tuple(answer["hidden"]))
    if text.sheet is None:
        raise DataError("empty_file", f"{name!r} has no sheet with anything in it, so there is nothing to load.")
    return text


def without_line_ends(text: str) -> str:
    """Of the text of a sheet, for names and for people: with a space for each line end in a cell."""
    return text.replace(LINE_END_IN_CELL, " ")


def with_line_ends(block: RawBlock) -> RawBlock:
    """A block of a sheet with the values that stand there."""
    return block.with_replaced(LINE_END_IN_CELL, "\n")


def _run(order: SheetOrder, on_progress: Progress) -> dict[str, Any] | None:
    """What the process answers; None if it came to its limit of memory."""
    answer: dict[str, Any] | None = None
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2", "RUST_BACKTRACE": "0"}
    command = [sys.executable, "-m", _CHILD, json.dumps(asdict(order))]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            for line in process.stdout or ():
                said = json.loads(line)
                if "rows" in said:
                    on_progress(said["rows"], said["of"])
                else:
                    answer = said
            failure = process.stderr.read() if process.stderr else b""
        except BaseException:
            process.kill()
            raise
    if answer is None and process.returncode > 0 and b"MemoryError" not in failure:
        return {"code": "damaged_file", "message": "can't be read: the library that reads workbooks broke off"}
    return answer


def _refusal(workbook: Path, name: str, answer: dict[str, Any]) -> DataError:
    with workbook.open("rb") as stored:
        is_old = stored.read(len(_OLE)) == _OLE
    if is_old and answer["code"] == "damaged_file":
        return DataError(
            "not_a_table",
            f"{name!r} is {_OLD_OFFICE}. As a workbook it can't be read: it {answer['message']}.",
            details={"looksLike": _OLD_OFFICE},
        )
    return DataError(answer["code"], f"The workbook {name!r} {answer['message']}.")


def _refuse_bombs(workbook: Path) -> None:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(workbook) as parts:
        for part in parts.infolist():
            refuse_bomb(f"{part.filename!r} in the workbook", part.compress_size, part.file_size)
