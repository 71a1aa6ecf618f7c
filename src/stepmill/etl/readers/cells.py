"""What a field looks like, roughly: to tell delimiters, headers and data apart. Types proper are inferred elsewhere."""

import re
from enum import Enum


class CellKind(Enum):
    """The kinds of text that a field may hold."""

    EMPTY = "empty"
    NUMBER = "number"
    TIME = "date or time"
    WORD = "a value of few characters"
    TEXT = "text"
    TORN = "text with marks at its ends that belong to no field"


_NUMBER = re.compile(
    r"\s*(?:[-+]?[$€£¥]?\s?(?:\d{1,3}(?:[ .,'\u00a0\u202f]\d{3})+|\d+)?(?:[.,]\d*)?(?:[eE][-+]?\d{1,3})?\s?[%€$£]?"
    r"|\(\d[\d.,]*\)|[-+]?(?:nan|inf(?:inity)?))\s*",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\s*(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|\d{1,2}[- ][A-Za-z]{3}[- ]\d{2,4})?"
    r"(?:(?:^|[T ])\s?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s?(?:[AaPp]\.?[Mm]\.?)?\s?"
    r"(?:Z|UTC|[-+]\d{2}:?\d{2}|[-+]\d{2})?)?\s*"
)
_WORD = re.compile(
    r"true|false|yes|no|null|none|n/?a|\\N|-|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|https?://[^\s\"]+|[\w.+-]+@[\w-]+\.[\w.-]+|[+-]?[\w.-]*\w",
    re.IGNORECASE,
)
_TORN = re.compile(r"""^ +["']|^["'][^"']*$|^[^"']*["']$|^"(?:[^"]|"")+"$|^'(?:[^']|'')+'$""", re.DOTALL)
_FOREIGN_MARKS = re.compile(r"[,;\t|]")

_WORTH = {
    CellKind.EMPTY: 0.9,
    CellKind.NUMBER: 1.0,
    CellKind.TIME: 1.0,
    CellKind.WORD: 1.0,
    CellKind.TEXT: 0.85,
    CellKind.TORN: 0.1,
}
_WORTH_WITH_FOREIGN_MARKS = 0.4


def kind_of(cell: str) -> CellKind:
    """What the field looks like."""
    if not cell or cell.isspace():
        return CellKind.EMPTY
    if _NUMBER.fullmatch(cell) and any(map(str.isdigit, cell)):
        return CellKind.NUMBER
    if _TIME.fullmatch(cell):
        return CellKind.TIME
    if _WORD.fullmatch(cell):
        return CellKind.WORD
    return CellKind.TORN if _TORN.search(cell) else CellKind.TEXT


def worth_of(cell: str) -> float:
    """How much the field looks as if the text had been split in the right places: 0 to 1."""
    kind = kind_of(cell)
    if kind is CellKind.TEXT and _FOREIGN_MARKS.search(cell):
        return _WORTH_WITH_FOREIGN_MARKS
    return _WORTH[kind]
