"""The first lines of a file as text, each with what it is to the reader: what people see beside a preview's rows."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.csv import csv_marks
from stepmill.etl.readers.csv_records import Lines, Records, find_lines
from stepmill.etl.readers.csv_walk import LineWalk
from stepmill.etl.readers.encoding import readable
from stepmill.etl.readers.limits import RECORD_BYTES
from stepmill.etl.readers.long_delimiter import restored
from stepmill.etl.readers.quoting import LineGrammar
from stepmill.etl.readers.text_form import text_form
from stepmill.etl.readers.window import open_window
from stepmill.etl.readers.workbook import without_line_ends
from stepmill.gateways.blobs import BlobLocation

LineKind = Literal["preamble", "header", "record", "comment", "blank"]

_READ_BYTES = 512 * 1024
_SHOWN_CHARACTERS = 500
_LONGEST_CHARACTER = 4  # bytes, in any encoding


@dataclass(frozen=True)
class Line:
    """A physical line, counted from 1, without its end; ``truncated`` if there is more of it than ``text``."""

    line: int
    text: str
    kind: LineKind
    truncated: bool

    def as_json(self) -> dict[str, Any]:
        """The line as a JSON object."""
        return asdict(self)


def first_lines(location: BlobLocation, source: SourceFormat, count: int) -> list[Line]:
    """The lines before the records and the first ``count`` after them, so far as they are in the first 512 KiB.

    A line of a record in JSON is one of the text, which may hold many records or a part of one; of a workbook's sheet,
    each row is one line. Parquet and Arrow files have no lines.
    """
    if source.members:
        source = source.model_copy(update={"member": source.members[0], "members": ()})
    if source.has_fixed_columns and not source.has_layout:
        return []
    is_sheet, source = source.format == "excel", text_form(source)
    with open_window(location, source, None, None, _READ_BYTES) as window:
        text, at_end = bytes(window.view), window.at_end
    lines = find_lines(text, at_end=at_end)
    ends = lines.ends.to_list()
    is_cut = not at_end and (ends[-1] if ends else 0) < len(text)
    begins = [0, *ends][: len(ends) + is_cut]
    wanted = source.preamble_rows + source.header_rows + count
    kinds = _kinds_in_csv(lines, source) if source.format == "csv" else {}
    found = [
        _line(number, text[begin:end], source, kinds.get(number), is_cut=is_cut and end == len(text))
        for number, (begin, end) in enumerate(zip(begins[:wanted], [*ends, len(text)], strict=False), 1)
    ]
    return [replace(line, text=without_line_ends(line.text)) for line in found] if is_sheet else found


def _line(number: int, data: bytes, source: SourceFormat, kind: LineKind | None, *, is_cut: bool) -> Line:
    text = readable(data[: _LONGEST_CHARACTER * (_SHOWN_CHARACTERS + 2)], source.encoding).rstrip("\r\n")
    text = restored(text, source.delimiter)
    is_blank = not text.strip() and (not text or len(source.columns) != 1)
    shown = text[:_SHOWN_CHARACTERS]
    return Line(number, shown, kind or ("blank" if is_blank else "record"), is_cut or len(shown) < len(text))


def _kinds_in_csv(lines: Lines, source: SourceFormat) -> dict[int, LineKind]:
    """What lines are, by number, where their text alone does not say it."""
    preamble = min(source.preamble_rows, len(lines.ends))
    kinds: dict[int, LineKind] = dict.fromkeys(range(1, preamble + 1), "preamble")
    begin = int(lines.ends[preamble - 1]) if preamble else 0
    table = find_lines(lines.text[begin:], at_end=lines.at_end)
    if table.ends.is_empty():
        return kinds
    marks = csv_marks(source)
    grammar = LineGrammar(marks.delimiter, marks.quote, marks.escape, skip_initial_space=marks.skip_initial_space)
    records = LineWalk(table, marks, grammar, RECORD_BYTES, max_faults=len(table.ends) + 1).records()
    for index, (first, last, is_blank) in enumerate(_spans(records)):
        kind: LineKind = "header" if index < source.header_rows else "record"
        if kind == "header" or not is_blank or len(source.columns) == 1:
            kinds.update(dict.fromkeys(range(preamble + first + 1, preamble + last + 2), kind))
    for number in _comments(table, records, source.comment):
        kinds.setdefault(preamble + number + 1, "comment")
    return kinds


def _spans(records: Records) -> list[tuple[int, int, bool]]:
    """The first and the last line, from 0, of each record, and whether it is blank, in order. A broken one has one."""
    spans = [(fault.line, fault.line, False) for fault in records.faults]
    for index, first in enumerate(records.lines.to_list()):
        text = records.record(index)
        inner = len(find_lines(text, at_end=True).ends) - 1 if b"\n" in text or b"\r" in text else 0
        spans.append((first, first + inner, not text.strip()))
    return sorted(spans)


def _comments(table: Lines, records: Records, comment: str | None) -> list[int]:
    if comment is None:
        return []
    begins = table.data.gather(table.starts.head(records.line_count))
    return (begins == ord(comment)).arg_true().to_list()
