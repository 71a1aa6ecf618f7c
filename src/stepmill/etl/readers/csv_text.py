"""CSV text in memory as rows, read as the blocks of a file are: what no dialect can make a record of is left out."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stepmill.etl.readers.csv_records import CARRIAGE_RETURN, LINE_FEED, CsvMarks, find_lines
from stepmill.etl.readers.csv_spaces import SpacesBeforeQuotes
from stepmill.etl.readers.csv_walk import LineWalk
from stepmill.etl.readers.fixed_width import cut
from stepmill.etl.readers.limits import RECORD_BYTES
from stepmill.etl.readers.long_delimiter import restored, shortened, single
from stepmill.etl.readers.quoting import LineGrammar

# The module's own limit is less than a record may have; what is read here is no more than the samples of a file.
csv.field_size_limit(16 * 1024 * 1024)

_UTF8 = ("utf-8", "surrogatepass")

ONE_FIELD = "\x1f"
"""Stands in for the delimiter where there is none."""


@dataclass(frozen=True)
class Dialect:
    """What makes fields of a text; without a delimiter, which may have several characters, each line is one field."""

    delimiter: str | None
    quote: str | None
    escape: str | None
    skip_initial_space: bool = False
    starts: tuple[int, ...] = ()
    """Where fields begin that are told by their places, which have no delimiter and no quote."""
    spaced: bool = True
    """Whether there is a space before each of them."""


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
    if dialect.starts:
        return CsvText(_cut_rows(text, dialect), 0, 0)
    delimiter = dialect.delimiter or ONE_FIELD
    marks = CsvMarks(single(delimiter), dialect.quote, dialect.escape, None, dialect.skip_initial_space)
    records, faults = _records(shortened(text, delimiter), marks)
    rows = []
    blank = -1
    for (line, record), cells in zip(records, _cells([record for _, record in records], marks), strict=True):
        cells = [restored(cell, delimiter) for cell in cells] if len(delimiter) > 1 else cells
        if len(cells) > 1 or (record and (dialect.delimiter is None or cells[0].strip())):
            rows.append(Row(line + 1, cells, line - 1 == blank))
        else:
            blank = line
    return CsvText(rows, faults, _count_enclosed([record for _, record in records], marks))


def _cut_rows(text: str, dialect: Dialect) -> list[Row]:
    """Lines with something where fields are apart have one field."""
    rows = []
    blank = -1
    for number, end in enumerate(io.StringIO(text, newline="")):
        line = end.rstrip("\r\n")
        if line.strip():
            rows.append(
                Row(number + 1, cut(line, dialect.starts, spaced=dialect.spaced) or [line], number - 1 == blank)
            )
        else:
            blank = number
    return rows


def usual_width(rows: Sequence[Row]) -> int:
    """The number of fields that most rows have; of two as common, the larger."""
    counts = Counter(len(row.cells) for row in rows)
    return max(counts, key=lambda width: (counts[width], width)) if counts else 0


def _records(text: str, marks: CsvMarks) -> tuple[list[tuple[int, str]], int]:
    """The records with their lines from 0, blank lines too, and how many lines are lost."""
    if not any(mark in text for mark in (marks.quote, marks.escape) if mark):
        return [(index, line.rstrip("\r\n")) for index, line in enumerate(io.StringIO(text, newline=""))], 0
    lines = find_lines(text.encode(*_UTF8), at_end=True)
    limit = max(RECORD_BYTES, len(lines.text))
    grammar = LineGrammar(marks.delimiter, marks.quote, marks.escape, skip_initial_space=marks.skip_initial_space)
    found = LineWalk(lines, marks, grammar, limit, max_faults=len(lines.ends) + 1).records()
    starts = [*found.starts.to_list(), len(found.text)]
    records = [(line, found.text[begin:end]) for line, (begin, end) in zip(found.lines, pairwise(starts), strict=True)]
    first_bytes = lines.data.gather(lines.starts)
    blank = ((first_bytes == LINE_FEED) | (first_bytes == CARRIAGE_RETURN)).arg_true()
    records = sorted([*records, *((line, b"") for line in blank)])
    return [(line, record.decode(*_UTF8).rstrip("\r\n")) for line, record in records], len(found.faults)


def _cells(records: list[str], marks: CsvMarks) -> list[list[str]]:
    if marks.skip_initial_space:
        spaces = SpacesBeforeQuotes(marks)
        records = [spaces.removed_from(record.encode(*_UTF8)).decode(*_UTF8) for record in records]
    found = list(_reader(records, marks))
    if len(found) == len(records):
        return found
    return [next(_reader([record], marks), []) for record in records]  # an escape at its end would take in the next


def _reader(records: list[str], marks: CsvMarks) -> Iterator[list[str]]:
    return csv.reader(
        records,
        delimiter=marks.delimiter,
        quotechar=marks.quote,
        escapechar=marks.escape,
        quoting=csv.QUOTE_MINIMAL if marks.quote else csv.QUOTE_NONE,
    )


def _count_enclosed(records: list[str], marks: CsvMarks) -> int:
    """In a record without a fault, the first quote at the beginning of a field opens it."""
    quote = marks.quote
    if quote is None:
        return 0
    edge = re.compile(
        rf"(?:\A|{re.escape(marks.delimiter)}){' *' if marks.skip_initial_space else ''}{re.escape(quote)}"
    )
    return sum(quote in record and edge.search(record) is not None for record in records)
