"""Which delimiter, quote and escape a CSV text has: the ones under which it looks most like a table.

Every combination that can be meant is tried on samples of the whole file. It counts how many rows agree on their number
of fields, how much the fields look like values, and, a little, how many fields there are.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from stepmill.etl.readers.cells import CellKind, kind_of, worth_of

# The module's own limit is less than a record may have; what is read here is no more than the samples of a file.
csv.field_size_limit(16 * 1024 * 1024)

_COMMON = (",", ";", "\t", "|")
_PRIOR = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0, "^": 0.9, "~": 0.9, "\x01": 1.0, "\x1f": 1.0, ":": 0.7, " ": 0.6}
_QUOTE_PRIOR = {'"': 1.0, "'": 0.995, "": 0.98}
_LEAST_SHARE_OF_RARE = 0.8  # of lines that an uncommon delimiter must be in, to be tried
_ONE_FIELD = "\x1f"  # stands in for the delimiter where there is none
_ONE_COLUMN = 0.5
_NOT_IN_FIRST_ROW = 0.85  # what is left of the score; a title may come first, a header is likelier
_ROWS_JUDGED = 60  # per sample
_CELLS_JUDGED = 3_000
_SEPARATOR_LINE = re.compile(r"sep=([\x01-\x09\x20-\x7e])\r?\n", re.IGNORECASE)  # Excel's own way to say it


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
class Ranked:
    """A dialect with how well it fits, 0 to 1, and how many fields it gives to most rows."""

    dialect: Dialect
    score: float
    width: int
    has_quotes: bool
    """Whether the samples have the dialect's quote at all."""


def rank_dialects(samples: Sequence[str], separator: str | None) -> list[Ranked]:
    """All dialects that can be meant, the best first. The first sample is the beginning of the file.

    A ``separator`` that the file names is the delimiter.
    """
    text = "\n".join(samples)
    ranked = [_judge(dialect, samples, text) for dialect in _candidates(text, separator)]
    return sorted(ranked, key=lambda found: found.score, reverse=True)


def read_rows(text: str, dialect: Dialect) -> list[Row]:
    """The rows of a text, without blank ones. Text that can't be read so gives none."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter or _ONE_FIELD,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        skipinitialspace=dialect.skip_initial_space,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
    )
    rows = []
    line = 1
    is_after_blank = False
    try:
        for cells in reader:
            is_blank = len(cells) < 2 and not (cells and (cells[0].strip() or dialect.delimiter is None))
            if not is_blank:
                rows.append(Row(line, cells, is_after_blank))
            is_after_blank = is_blank
            line = reader.line_num + 1
    except csv.Error:
        return []
    return rows


def separator_line(text: str) -> str | None:
    """The delimiter that a first line ``sep=;`` names."""
    match = _SEPARATOR_LINE.match(text)
    return match[1] if match else None


def usual_width(rows: Sequence[Row]) -> int:
    """The number of fields that most rows have; of two as common, the larger."""
    counts = Counter(len(row.cells) for row in rows)
    return max(counts, key=lambda width: (counts[width], width)) if counts else 0


def _candidates(text: str, named: str | None) -> Iterator[Dialect]:
    lines = max(1, text.count("\n") or text.count("\r"))
    delimiters = [named] if named else [mark for mark in _COMMON if mark in text]
    if not named:
        rare = [mark for mark in _PRIOR if mark not in _COMMON]
        delimiters += [mark for mark in rare if text.count(mark) >= _LEAST_SHARE_OF_RARE * lines]
        if _ONE_FIELD not in text:
            yield from (Dialect(None, quote, None) for quote in _quotes(text, _ONE_FIELD))
    for delimiter in delimiters:
        quotes = _quotes(text, delimiter)
        for quote in quotes:
            skips = [False, True] if quote and delimiter != " " and f"{delimiter} {quote}" in text else [False]
            for skip in skips:
                yield Dialect(delimiter, quote, None, skip)
                if quote and f"\\{quote}" in text:
                    yield Dialect(delimiter, quote, "\\", skip)


def _quotes(text: str, delimiter: str) -> list[str | None]:
    """The quotes to try with this delimiter. Where none is seen, one may still come."""
    edge = re.escape(delimiter)
    found: list[str | None] = ['"']
    if re.search(rf"(?:^|{edge}) *'(?:[^']|''){{0,1000}}'(?:{edge}|\r?$)", text, re.MULTILINE):
        found.append("'")
    if '"' in text:
        found.append(None)
    return found


def _judge(dialect: Dialect, samples: Sequence[str], text: str) -> Ranked:
    parts = [read_rows(sample, dialect) for sample in samples]
    rows = [row for part in parts for row in part]
    has_quotes = dialect.quote is not None and dialect.quote in text
    width = usual_width(rows)
    if width == 0:
        return Ranked(dialect, 0.0, 0, has_quotes)
    table = _from_table_on(rows, width)
    agreement = sum(len(row.cells) == width for row in table) / len(table)
    judged = [row for part in parts for row in [row for row in part if len(row.cells) == width][:_ROWS_JUDGED]]
    score = agreement**2 * _worth(judged) * (0.5 + 0.5 * (width - 1) / width)
    score *= _PRIOR.get(dialect.delimiter or "", 1.0) * _quote_prior(dialect)
    if parts[0] and len(parts[0][0].cells) == 1 < width:
        score *= _ONE_COLUMN if _is_one_column(judged, dialect) else _NOT_IN_FIRST_ROW
    return Ranked(dialect, score, width, has_quotes)


def _is_one_column(rows: list[Row], dialect: Dialect) -> bool:
    """Whether the delimiter may be part of each value: the comma of 12 345,67, the colon of 12:30, under one name."""
    return dialect.delimiter not in _COMMON or all(_is_one_number(row.cells, dialect.delimiter) for row in rows)


def _is_one_number(cells: list[str], delimiter: str) -> bool:
    if len(cells) == 2 and all(cell.strip().lstrip("+-").isdigit() for cell in cells):
        return True
    return delimiter == "," and kind_of(",".join(cells)) is CellKind.NUMBER


def _quote_prior(dialect: Dialect) -> float:
    """Where it makes no difference: double quotes, and no escape."""
    return _QUOTE_PRIOR[dialect.quote or ""] * (1.0 if dialect.escape is None else 0.98)


def _from_table_on(rows: list[Row], width: int) -> list[Row]:
    first = next(index for index, row in enumerate(rows) if len(row.cells) == width)
    return [row for row in rows[first:] if not row.cells[0].startswith("#") or len(row.cells) == width]


def _worth(rows: list[Row]) -> float:
    worth = cache(worth_of)
    cells = [cell for row in rows for cell in row.cells]
    step = max(1, len(cells) // _CELLS_JUDGED)
    judged = cells[::step]
    return sum(map(worth, judged)) / len(judged)
