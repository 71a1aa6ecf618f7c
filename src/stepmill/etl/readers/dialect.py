"""Which delimiter, quote and escape a CSV text has: the ones under which it looks most like a table.

Every combination that can be meant is tried on samples of the whole file. It counts how many rows agree on their number
of fields, how much the fields look like values, and, a little, how many fields there are. But where quotes open fields,
that they are data takes more than a better count: in a small file a comma in a quoted name, or one quote that is not
closed, would do.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from stepmill.etl.readers.cells import CellKind, kind_of, worth_of
from stepmill.etl.readers.csv_text import ONE_FIELD, CsvText, Dialect, Row, read_text, usual_width
from stepmill.etl.readers.fixed_width import find_starts
from stepmill.etl.readers.long_delimiter import STAND_IN

_COMMON = (",", ";", "\t", "|")
_PRIOR = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0, "^": 0.9, "~": 0.9, "\x01": 1.0, "\x1f": 1.0, ":": 0.7, " ": 0.6}
_QUOTE_PRIOR = {'"': 1.0, "'": 0.995, "": 0.98}
_LEAST_SHARE_OF_RARE = 0.8  # of lines that an uncommon delimiter must be in, to be tried
_BY_PLACE = 0.9  # a table whose fields are apart by delimiters may be filled up with spaces as well
_ONE_COLUMN = 0.5
_NOT_IN_FIRST_ROW = 0.85  # what is left of the score; a title may come first, a header is likelier
_FAULT_WEIGHT = 0.4  # of a row with another number of fields; a fault says less against the delimiter
_LEAST_FAULTS = 3  # from which on quotes may be data
_ROWS_JUDGED = 60  # per sample
_CELLS_JUDGED = 3_000
_LONG = re.compile(r"""[^\w\s"'\\+.()\[\]{}-]{2,3}|\t{2,3}""")
_MOST_LONG = 3
_LEAST_SHARE_IN_SIGN = 0.6  # of its characters; the others are data, as in times
_SEPARATOR_LINE = re.compile(r"""sep=((?!["'\\])[\x01-\x09\x20-\x7e])\r?\n""", re.IGNORECASE)  # Excel's own way


@dataclass(frozen=True)
class _Reading:
    """The samples as a dialect has them."""

    dialect: Dialect
    parts: list[CsvText]

    @property
    def rows(self) -> list[Row]:
        return [row for part in self.parts for row in part.rows]

    @property
    def faults(self) -> int:
        return sum(part.faults for part in self.parts)

    @property
    def enclosed(self) -> int:
        return sum(part.enclosed for part in self.parts)

    @property
    def misfits(self) -> int:
        """Rows of another width than most, and lines that are no rows."""
        width = usual_width(self.rows)
        return self.faults + sum(len(row.cells) != width for row in self.rows)


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
    ranked = [
        _judge(reading, text)
        for delimiter in _delimiters(text, separator)
        for reading in _tenable(_readings(samples, text, delimiter))
    ]
    starts = find_starts(samples) if separator is None else ()
    if starts:
        ranked.append(_judge(_read(samples, Dialect(None, None, None, starts=starts)), text))
    return sorted(ranked, key=lambda found: found.score, reverse=True)


def separator_line(text: str) -> str | None:
    """The delimiter that a first line ``sep=;`` names."""
    match = _SEPARATOR_LINE.match(text)
    return match[1] if match else None


def _delimiters(text: str, named: str | None) -> list[str | None]:
    if named:
        return [named]
    lines = max(1, text.count("\n") or text.count("\r"))
    rare = [mark for mark in _PRIOR if mark not in _COMMON]
    none = [] if ONE_FIELD in text else [None]
    long = _long_delimiters(text, lines)
    found = [mark for mark in _COMMON if mark in text]
    found += [mark for mark in rare if text.count(mark) >= _LEAST_SHARE_OF_RARE * lines]
    found = [mark for mark in found if not any(_is_only_part_of(mark, delimiter, text, lines) for delimiter in long)]
    return [*none, *found, *long] or [ONE_FIELD]


def _long_delimiters(text: str, lines: int) -> list[str]:
    """Signs of two or three characters that nearly every line has."""
    if STAND_IN in text:
        return []
    counts = Counter(_LONG.findall(text))
    common = [sign for sign, count in counts.most_common(_MOST_LONG) if count >= _LEAST_SHARE_OF_RARE * lines]
    return [sign for sign in common if all(_is_mostly_part_of(mark, sign, text) for mark in sign)]


def _is_mostly_part_of(mark: str, sign: str, text: str) -> bool:
    return sign.count(mark) * text.count(sign) >= _LEAST_SHARE_IN_SIGN * text.count(mark)


def _is_only_part_of(mark: str, delimiter: str, text: str, lines: int) -> bool:
    """Whether a character comes only as part of the sign. One doubled once in a line may enclose an empty field."""
    count = text.count(delimiter)
    is_doubled = mark in _COMMON and set(delimiter) == {mark}
    return text.count(mark) == delimiter.count(mark) * count and (not is_doubled or count >= 2 * lines)


def _readings(samples: Sequence[str], text: str, delimiter: str | None) -> Iterator[_Reading]:
    """All ways to read the text with this delimiter."""
    for quote in _quotes(text, delimiter or ONE_FIELD):
        escapes = [None, "\\"] if quote and delimiter and f"\\{quote}" in text else [None]
        for escape in escapes:
            reading = _read(samples, Dialect(delimiter, quote, escape))
            yield reading
            if quote and delimiter not in (None, " ") and _has_spaces_before_quotes(reading.rows, quote):
                yield _read(samples, replace(reading.dialect, skip_initial_space=True))


def _read(samples: Sequence[str], dialect: Dialect) -> _Reading:
    return _Reading(dialect, [read_text(sample, dialect) for sample in samples])


def _has_spaces_before_quotes(rows: list[Row], quote: str) -> bool:
    return any(cell.startswith(" ") and cell.lstrip(" ").startswith(quote) for row in rows for cell in row.cells)


def _quotes(text: str, delimiter: str) -> list[str | None]:
    """The quotes to try with this delimiter. Where none is seen, one may still come."""
    edge = re.escape(delimiter)
    found: list[str | None] = ['"']
    if re.search(rf"(?:^|{edge}) *'(?:[^']|''){{0,1000}}'(?:{edge}|\r?$)", text, re.MULTILINE):
        found.append("'")
    if '"' in text:
        found.append(None)
    return found


def _tenable(readings: Iterator[_Reading]) -> list[_Reading]:
    """Those that do justice to the quotes which open fields.

    That quotes are mere data takes several lines, and most of those with such a quote, that no reading with quotes can
    make fields of. And where single quotes plainly enclose fields, and without them rows fall apart, they are no data.
    """
    found = list(readings)
    double = [reading for reading in found if reading.dialect.quote == '"']
    single = [reading for reading in found if reading.dialect.quote == "'" and reading.enclosed and not reading.faults]
    if not all(_LEAST_FAULTS <= reading.faults > reading.enclosed for reading in double):
        found = [reading for reading in found if reading.dialect.quote is not None]
    if single and not any(reading.enclosed for reading in double):
        fewest = min(reading.misfits for reading in single)
        found = [reading for reading in found if reading.dialect.quote == "'" or reading.misfits <= fewest]
    return found


def _judge(reading: _Reading, text: str) -> Ranked:
    dialect, rows = reading.dialect, reading.rows
    has_quotes = dialect.quote is not None and dialect.quote in text
    width = usual_width(rows)
    if width == 0:
        return Ranked(dialect, 0.0, 0, has_quotes)
    table = _from_table_on(rows, width)
    agreement = sum(len(row.cells) == width for row in table) / (len(table) + _FAULT_WEIGHT * reading.faults)
    fitting = [[row for row in part.rows if len(row.cells) == width][:_ROWS_JUDGED] for part in reading.parts]
    judged = [row for part in fitting for row in part]
    score = agreement**2 * _worth(judged) * (0.5 + 0.5 * (width - 1) / width)
    score *= _PRIOR.get(dialect.delimiter or "", 1.0) * _quote_prior(dialect) * (_BY_PLACE if dialect.starts else 1.0)
    first = reading.parts[0].rows[:1]
    if first and len(first[0].cells) == 1 < width:
        score *= _ONE_COLUMN if _is_one_column(judged, dialect) else _NOT_IN_FIRST_ROW
    return Ranked(dialect, score, width, has_quotes)


def _is_one_column(rows: list[Row], dialect: Dialect) -> bool:
    """Whether the delimiter may be part of each value: the comma of 12 345,67, the colon of 12:30, under one name."""
    if dialect.starts:
        return False
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
