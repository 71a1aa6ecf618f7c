"""How a CSV text is read: its dialect, where its table begins, and what its columns are called."""

import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.column_names import column_names
from stepmill.etl.readers.csv_text import Dialect, Row, read_rows
from stepmill.etl.readers.dialect import Ranked, rank_dialects, separator_line
from stepmill.etl.readers.findings import Finding, shown
from stepmill.etl.readers.header import Layout, find_layout
from stepmill.etl.readers.tables import Below, has_blank_line, second_table
from stepmill.etl.readers.workbook import SHEET_DIALECT, without_line_ends

_CLOSE = 0.97  # of the best score: then another delimiter might be meant as well
_MANY_LINES = 5  # above a table: few titles have more
_SHOWN_CHARACTERS = 100
_NEARLY_ALL = 0.95


@dataclass(frozen=True)
class CsvFound:
    """The source without its encoding and compression, and what there is to say about it."""

    source: SourceFormat
    header: tuple[str, ...] | None
    evidence: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def detect_csv(samples: list[str], *, whole: str | None) -> CsvFound:
    """How the text is read that begins with the first sample; ``whole`` is all of it, if it is at hand.

    It has at least one line that is not blank.
    """
    separator = separator_line(samples[0])
    if separator is not None:
        samples = [_below_first_line(samples[0]), *samples[1:]]
        whole = _below_first_line(whole) if whole is not None else None
    ranked = rank_dialects(samples, separator)
    dialect = ranked[0].dialect
    rows, others = _rows(samples, dialect)
    trim_fields = dialect.delimiter is not None and _begin_with_spaces(samples, dialect.delimiter)
    if trim_fields:
        rows, others = _trimmed(rows), _trimmed(others)
    rows, below = _first_table(rows, samples[0], whole, dialect)
    layout = find_layout(rows, others)
    preamble = [line for line in islice(io.StringIO(samples[0], newline=""), layout.preamble_rows) if line.strip()]
    lines_above = 0
    if separator is not None:
        layout = replace(layout, preamble_rows=layout.preamble_rows + 1)
        lines_above = 1
    source = SourceFormat(
        format="csv",
        delimiter=dialect.delimiter,
        starts=dialect.starts,
        quote=dialect.quote,
        escape=dialect.escape,
        skip_initial_space=dialect.skip_initial_space,
        trim_fields=trim_fields,
        comment=layout.comment,
        trailing_delimiter=layout.trailing_delimiter,
        preamble_rows=layout.preamble_rows,
        header_rows=layout.header_rows,
        last_line=below.last_line_above + lines_above if below is not None else None,
        columns=column_names(layout.header, layout.width),
    )
    header = _header(layout)
    warnings = [
        *another_table(below, lines_above),
        *_skipped(preamble, layout),
        *_doubts(ranked, layout, separator),
        *renamed_columns(header, source.columns),
    ]
    return CsvFound(source, header, tuple(_evidence(source, ranked[0], layout, separator)), tuple(warnings))


def detect_sheet(samples: list[str], sheet: str | None, *, whole: str | None) -> CsvFound:
    """How the text of a workbook's sheet is read, which has a dialect of its own: where its table begins."""
    rows, others = _rows([without_line_ends(sample) for sample in samples], SHEET_DIALECT)
    shown_whole = without_line_ends(whole) if whole is not None else None
    rows, below = _first_table(rows, without_line_ends(samples[0]), shown_whole, SHEET_DIALECT)
    layout = replace(find_layout(rows, others), comment=None)
    source = SourceFormat(
        format="excel",
        sheet=sheet,
        trailing_delimiter=layout.trailing_delimiter,
        preamble_rows=layout.preamble_rows,
        header_rows=layout.header_rows,
        last_line=below.last_line_above if below is not None else None,
        columns=column_names(layout.header, layout.width),
    )
    header = _header(layout)
    skipped = [line for line in samples[0].split("\n")[: layout.preamble_rows] if line.strip()]
    warnings = [*another_table(below), *_skipped(skipped, layout), *_doubtful_header(layout)]
    warnings += renamed_columns(header, source.columns)
    return CsvFound(source, header, tuple(_about_rows(source)), tuple(warnings))


def _first_table(rows: list[Row], sample: str, whole: str | None, dialect: Dialect) -> tuple[list[Row], Below | None]:
    """Those of the sample's rows that are above a second table, and where that is."""
    if whole is None:
        return rows, None
    is_all = len(whole) == len(sample)
    may_have = is_all or has_blank_line(whole, dialect.quote, dialect.delimiter)
    below = second_table(rows if is_all else read_rows(whole, dialect)) if may_have else None
    if below is None:
        return rows, None
    return [row for row in rows if row.line <= below.last_line_above], below


def another_table(below: Below | None, lines_above: int = 0) -> list[Finding]:
    """A warning that a second table is not read, in a text that has further lines above it."""
    if below is None:
        return []
    line = below.line + lines_above
    message = f"Another table begins in line {line:,}. It is not read; to read that instead of the first, set"
    message += f" `preambleRows` in the plan's source to {line - 1:,}."
    return [Finding("more_tables", message)]


def _rows(samples: list[str], dialect: Dialect) -> tuple[list[Row], list[Row]]:
    """Of the first sample, and of the others."""
    return read_rows(samples[0], dialect), [row for sample in samples[1:] for row in read_rows(sample, dialect)]


def _below_first_line(text: str) -> str:
    return text[text.index("\n") + 1 :]


def _header(layout: Layout) -> tuple[str, ...] | None:
    return tuple(layout.header) if layout.header is not None else None


def _begin_with_spaces(samples: list[str], delimiter: str) -> bool:
    """Whether a space stands behind nearly every delimiter that does not end a line."""
    if delimiter.isspace():
        return False
    counts = Counter(
        match[1] for sample in samples for match in re.finditer(f"{re.escape(delimiter)}([^\r\n])", sample)
    )
    return counts[" "] > 1 and counts[" "] >= _NEARLY_ALL * counts.total()


def _trimmed(rows: list[Row]) -> list[Row]:
    return [replace(row, cells=[cell.lstrip(" ") for cell in row.cells]) for row in rows]


def renamed_columns(header: tuple[str, ...] | None, columns: tuple[str, ...]) -> list[Finding]:
    """Warnings on columns that are called otherwise than the file says."""
    pairs = enumerate(zip(header or (), columns, strict=False), 1)
    return [_renamed(number, cell, name) for number, (cell, name) in pairs if " ".join(cell.split()) != name]


def _renamed(number: int, cell: str, name: str) -> Finding:
    if not cell.strip():
        return Finding("empty_name", f"Column {number} has no name in the file; it is called {name!r}.", name)
    if "\x00" not in cell and len(cell) <= len(name):
        return Finding("doubled_name", f"Column {number} has the name of an earlier one; it is {name!r}.", name)
    return Finding("changed_name", f"The name of column {number} can't be used; it is {name!r}.", name)


def _skipped(preamble: list[str], layout: Layout) -> list[Finding]:
    """A warning on lines above the table that might have been meant as rows."""
    if not preamble or not (layout.skips_fields or len(preamble) > _MANY_LINES):
        return []
    count, first = len(preamble), preamble[0].rstrip("\r\n")[:_SHOWN_CHARACTERS]
    if count == 1:
        message = f"A line above the table is skipped: {first!r}. Should it be a row,"
    else:
        message = f"{count:,} lines above the table are skipped, the first of them: {first!r}. Should they be rows,"
    return [Finding("preamble_skipped", f"{message} set the lines before the table in the plan.")]


def _doubts(ranked: list[Ranked], layout: Layout, separator: str | None) -> list[Finding]:
    best = ranked[0]
    found = []
    rival = next((other for other in ranked[1:] if other.dialect.delimiter != best.dialect.delimiter), None)
    if separator is None and rival is not None and rival.score >= _CLOSE * best.score:
        found.append(
            Finding(
                "doubtful_delimiter",
                f"Fields seem to be separated by {_delimiter(best.dialect)}, but it might as well be"
                f" {_delimiter(rival.dialect)}.",
            )
        )
    return [*found, *_doubtful_header(layout)]


def _doubtful_header(layout: Layout) -> list[Finding]:
    if not layout.is_doubtful:
        return []
    first = "names the columns" if layout.header is not None else "is data"
    return [Finding("doubtful_header", f"It is a guess that the first row {first}.")]


def _evidence(source: SourceFormat, best: Ranked, layout: Layout, separator: str | None) -> list[Finding]:
    count = len(source.columns)
    found = [
        Finding(
            "delimiter",
            f"The first line names {shown(separator)} as the separator."
            if separator is not None
            else f"Split at {_delimiter(best.dialect)}, {layout.agreement:.0%} of the rows looked at have {count:,}"
            f" {'field' if count == 1 else 'fields'}.",
        )
    ]
    if source.quote is not None and best.has_quotes:
        found.append(Finding("quote", f"Fields are enclosed in {shown(source.quote)}."))
    if source.escape is not None:
        found.append(Finding("escape", f"Quotes inside fields are escaped by {shown(source.escape)}."))
    if source.skip_initial_space:
        found.append(Finding("initial_space", "Spaces before a quote that opens a field are left out."))
    if source.trim_fields:
        found.append(Finding("trimmed", "Spaces behind the delimiters are no part of the fields."))
    if source.comment is not None:
        found.append(Finding("comment", f"Lines that begin with {shown(source.comment)} are comments."))
    if source.trailing_delimiter:
        found.append(Finding("trailing_delimiter", "Each row ends with one more delimiter, and nothing after it."))
    return [*found, *_about_rows(source)]


def _about_rows(source: SourceFormat) -> list[Finding]:
    """Where the table begins, and whether it has a header."""
    found = []
    if source.preamble_rows:
        count = source.preamble_rows
        found.append(Finding("preamble", f"{count:,} {'line comes' if count == 1 else 'lines come'} before the table."))
    if source.header_rows > 1:
        found.append(Finding("header", f"The first {source.header_rows} rows name the columns, joined by a space."))
    else:
        names = "names the columns" if source.header_rows else "looks like the rows after it, so columns have numbers"
        found.append(Finding("header", f"The first row {names}."))
    return found


def _delimiter(dialect: Dialect) -> str:
    if dialect.starts:
        return "the places where fields begin"
    return shown(dialect.delimiter) if dialect.delimiter is not None else "nothing but line ends"
