"""CSV text in memory as rows, read as the blocks of a file are: what no dialect can make a record of is left out."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stepmill.etl.readers.csv_records import CARRIAGE_RETURN, LINE_FEED, CsvMarks, Records, find_lines
from stepmill.etl.readers.csv_spaces import SpacesBeforeQuotes
from stepmill.etl.readers.csv_walk import LineWalk
from stepmill.etl.readers.limits import RECORD_BYTES
from stepmill.etl.readers.quoting import LineGrammar

# The module's own limit is less than a record may have; what is read here is no more than the samples of a file.
csv.field_size_limit(16 * 1024 * 1024)

ONE_FIELD = "\x1f"
"""Stands in for the delimiter where there is none."""


@dataclass(frozen=True)
class Dialect:
    """The characters that make fields of a text; without a delimiter each line is one field."""

    delimiter: str | None
    quote: str | None
    escape: str | None
    skip_initial_space: bool = False


@dataclass(frozen=True)
class Row:
    """Some fields, and the line on which they begin."""

    line: int
    cells: list[str]
    is_after_blank: bool = False


@dataclass(frozen=True)
class CsvText:
    """The rows of a text, without blank ones, and what was seen of quotes."""

    rows: list[Row]
    faults: int
    """How many lines are lost to a quote that is not closed, or has something behind it."""
    enclosed: int
    """How many records have a field in quotes."""


def read_rows(text: str, dialect: Dialect) -> list[Row]:
    """The rows of a text, without blank ones."""
    return read_text(text, dialect).rows


def read_text(text: str, dialect: Dialect) -> CsvText:
    """The text in that dialect."""
    if not text:
        return CsvText([], 0, 0)
    marks = CsvMarks(dialect.delimiter or ONE_FIELD, dialect.quote, dialect.escape, None, dialect.skip_initial_space)
    grammar = LineGrammar(marks.delimiter, marks.quote, marks.escape, skip_initial_space=marks.skip_initial_space)
    lines = find_lines(text.encode("utf-8", "surrogatepass"), at_end=True)
    found = LineWalk(
        lines, marks, grammar, max(RECORD_BYTES, len(lines.text)), max_faults=len(lines.ends) + 1
    ).records()
    first_bytes = lines.data.gather(lines.starts)
    blank = set(first_bytes.is_in([LINE_FEED, CARRIAGE_RETURN]).arg_true().to_list())
    rows = []
    for line, cells in zip(found.lines.to_list(), _cells(found, marks), strict=True):
        if len(cells) > 1 or dialect.delimiter is None or cells[0].strip():
            rows.append(Row(line + 1, cells, line - 1 in blank))
        else:
            blank.add(line)
    return CsvText(rows, len(found.faults), _count_enclosed(found, marks))


def usual_width(rows: Sequence[Row]) -> int:
    """The number of fields that most rows have; of two as common, the larger."""
    counts = Counter(len(row.cells) for row in rows)
    return max(counts, key=lambda width: (counts[width], width)) if counts else 0


def _cells(records: Records, marks: CsvMarks) -> list[list[str]]:
    spaces = SpacesBeforeQuotes(marks) if marks.skip_initial_space else None
    found = []
    for index in range(len(records.starts)):
        record = records.record(index)
        text = (record if spaces is None else spaces.removed_from(record)).decode("utf-8", "surrogatepass")
        reader = csv.reader(
            [text],
            delimiter=marks.delimiter,
            quotechar=marks.quote,
            escapechar=marks.escape,
            quoting=csv.QUOTE_MINIMAL if marks.quote else csv.QUOTE_NONE,
        )
        found.append(next(reader, [""]))
    return found


def _count_enclosed(records: Records, marks: CsvMarks) -> int:
    """In a record without a fault, the first quote at the beginning of a field opens it."""
    if marks.quote is None:
        return 0
    spaces = rb" *" if marks.skip_initial_space else b""
    edge = re.compile(
        rb"(?:\A|" + re.escape(marks.delimiter.encode()) + rb")" + spaces + re.escape(marks.quote.encode())
    )
    return sum(edge.search(records.record(index)) is not None for index in range(len(records.starts)))
