"""How a further file of an area is read: as its plan says, unless the file says plainly that it can't be."""

import io
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from itertools import islice

from stepmill.errors import DataError
from stepmill.etl.plan.source import WIDE_ENCODINGS, SourceFormat
from stepmill.etl.readers.charset import Charset
from stepmill.etl.readers.column_names import column_names, joined_header
from stepmill.etl.readers.compression import Packing
from stepmill.etl.readers.csv_text import Dialect, Row, read_rows, usual_width
from stepmill.etl.readers.detect_csv import CsvFound, another_table, renamed_columns
from stepmill.etl.readers.findings import Detected, Finding, shown
from stepmill.etl.readers.survey import Survey
from stepmill.etl.readers.tables import has_blank_line, second_table
from stepmill.etl.readers.workbook import SHEET_DIALECT

_MORE_LINES = 20
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_MAX_NAMED = 20
_ABOUT_BYTES = frozenset(
    {
        *("compression", "archive", "members", "more_members", "sheet", "more_sheets"),
        *("encoding", "guessed_encoding", "encoding_errors"),
    }
)


def planned_encoding(planned: SourceFormat, survey: Survey, found: Charset) -> Charset:
    """The plan's encoding, unless the bytes rule it out."""
    if found.encoding == planned.encoding and not found.is_guess:
        return found
    is_wide = found.encoding in WIDE_ENCODINGS or planned.encoding in WIDE_ENCODINGS
    is_plainly_utf8 = found.encoding == "utf-8" and not survey.is_ascii
    was_utf8 = planned.encoding == "utf-8"
    if is_wide or is_plainly_utf8 or was_utf8:
        return found
    return Charset(planned.encoding, "the plan says so")


def csv_as_planned(
    samples: Sequence[str], planned: SourceFormat, needed: Sequence[str], *, whole: str | None
) -> CsvFound | None:
    """How a CSV text, the ``whole`` of which may be at hand, is read if it is as the plan says.

    None if the plan is of another format, or of fields that have places of their own in each file, or the text lacks
    columns then that are needed: what else it may be is to be found out, which takes several times as long.
    """
    if planned.format != "csv" or _begins_elsewhere(planned):
        return None
    source = planned.model_copy(update={**asdict(Packing()), "members": ()})
    text = samples[0] if whole is None else whole
    if planned.header_rows and not has_blank_line(
        text, planned.quote, planned.delimiter
    ):  # then it is one table, and its header says what it is
        text = "".join(islice(io.StringIO(text, newline=""), planned.preamble_rows + planned.header_rows + _MORE_LINES))
    rows = _rows_as_planned(text, source)
    found = _as_planned(rows, source)
    if found is None or _lacking(found.source, needed):
        return None
    below = second_table(rows) if whole is not None and planned.first_table_only else None
    last_line = None if below is None else planned.preamble_rows + below.last_line_above
    return replace(
        found,
        source=found.source.model_copy(update={"last_line": last_line}),
        warnings=(*another_table(below, planned.preamble_rows), *found.warnings),
    )


def _begins_elsewhere(planned: SourceFormat) -> bool:
    """Whether fields may begin at other places in each file: where they do depends on its longest values."""
    return bool(planned.starts) and planned.spaced


def follow_plan(
    detected: Detected, planned: SourceFormat, needed: Sequence[str], may_lack: Collection[str] = ()
) -> Detected:
    """The file read as planned, if so it has all columns that are needed; else as detected, if so it has them.

    Those that it ``may_lack`` it need not have, as long as it has half of all that are needed. In JSON a field may be
    missing in each record, so the columns are the plan's.
    """
    if not detected.source.has_fixed_columns:
        source = detected.source.model_copy(update={"columns": planned.columns})
        return _compared(replace(detected, source=source), planned)
    candidates = [detected]
    if planned.format == detected.source.format and planned.has_layout and detected.samples:
        by_own_places = bool(detected.source.starts) and _begins_elsewhere(planned)
        tried = None if by_own_places else _in_place_of(detected, planned)
        candidates = [tried, detected] if tried is not None else candidates
    for candidate in candidates:
        if not _lacking(candidate.source, needed):
            return _compared(candidate, planned)
    best = min(candidates, key=lambda candidate: len(_lacking(candidate.source, needed)))
    missing = _lacking(best.source, needed)
    if is_same_table(missing, needed, may_lack):
        return _compared(best, planned)
    raise _missing_columns(missing, best.source.columns)


def is_same_table(missing: Collection[str], needed: Collection[str], may_lack: Collection[str]) -> bool:
    """Whether a file that lacks some of the columns that are needed may be one of the same table all the same."""
    return set(missing) <= set(may_lack) and len(missing) <= len(set(needed)) / 2


def _lacking(source: SourceFormat, needed: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(needed) if name not in source.columns]


def _in_place_of(detected: Detected, planned: SourceFormat) -> Detected | None:
    """What was detected, read as planned."""
    found = _as_planned(_rows_as_planned(detected.samples[0], planned), planned)
    if found is None:
        return None
    own = detected.source
    ends = planned.first_table_only and own.last_line is not None and planned.preamble_rows < own.last_line
    update = {**asdict(Packing.of(own)), "members": own.members, "encoding": own.encoding, "sheet": own.sheet}
    update["last_line"] = own.last_line if ends else None
    stay = _ABOUT_BYTES | ({"more_tables"} if ends else set())
    evidence = [finding for finding in detected.evidence if finding.code in stay]
    warnings = [finding for finding in detected.warnings if finding.code in stay]
    return replace(
        detected,
        source=found.source.model_copy(update=update),
        header=found.header,
        evidence=(*evidence, *found.evidence),
        warnings=(*warnings, *found.warnings),
    )


def _rows_as_planned(text: str, planned: SourceFormat) -> list[Row]:
    """The rows from the header on."""
    rows = read_rows(_behind_lines(text, planned.preamble_rows), _dialect_of(planned))
    if planned.trim_fields:
        rows = [replace(row, cells=[cell.lstrip(" ") for cell in row.cells]) for row in rows]
    if planned.comment is not None:
        rows = [row for row in rows if not row.cells[0].startswith(planned.comment)]
    return rows


def _as_planned(rows: Sequence[Row], planned: SourceFormat) -> CsvFound | None:
    """None if there is no row, or no header and another number of columns, or fields are at other places."""
    if not rows or (planned.starts and usual_width(rows) != len(planned.starts)):
        return None
    columns, header, has_trailing = planned.columns, None, planned.trailing_delimiter
    if planned.header_rows:
        cells = joined_header([row.cells for row in rows[: planned.header_rows]])
        has_trailing = has_trailing and len(cells) > 1 and not cells[-1].strip()
        header = tuple(cells[:-1] if has_trailing else cells)
        columns = column_names(header, len(header))
    elif usual_width(rows) - has_trailing != len(columns):
        return None
    if planned.starts and len(columns) != len(planned.starts):
        return None
    evidence = Finding("plan", "Read as the plan says, the file has all columns that are needed.")
    source = planned.model_copy(update={"columns": columns, "trailing_delimiter": has_trailing, "last_line": None})
    return CsvFound(source, header, (evidence,), tuple(renamed_columns(header, columns)))


def _dialect_of(source: SourceFormat) -> Dialect:
    if source.format == "excel":
        return SHEET_DIALECT
    return Dialect(
        source.delimiter, source.quote, source.escape, source.skip_initial_space, source.starts, source.spaced
    )


def _behind_lines(text: str, count: int) -> str:
    position = 0
    for _ in range(count):
        match = _LINE.match(text, position)
        position = match.end() if match else position
    return text[position:]


def _compared(candidate: Detected, planned: SourceFormat) -> Detected:
    candidate = replace(candidate, source=candidate.source.model_copy(update={"mend_rows": planned.mend_rows}))
    warnings = [*candidate.warnings]
    differing = _differences(candidate.source, planned)
    if differing:
        message = f"The file is read otherwise than the plan says: {'; '.join(differing)}."
        warnings.append(Finding("differs_from_plan", message))
    if candidate.source.has_fixed_columns and planned.has_fixed_columns:
        new = [name for name in candidate.source.columns if name not in planned.columns]
        if new:
            message = f"The file has columns that the plan does not know: {_named(new)}. They are not loaded."
            warnings.append(Finding("new_columns", message))
    return replace(candidate, warnings=tuple(warnings))


def _differences(source: SourceFormat, planned: SourceFormat) -> list[str]:
    """What a user may have set, and is not so here."""
    names = {"format": "format", "encoding": "encoding", "records_path": "records path", "sheet": "sheet"}
    if source.format != planned.format:
        del names["encoding"]  # not all have one
    if source.format == planned.format and source.has_layout:
        names |= {
            "delimiter": "delimiter",
            "quote": "quote",
            "escape": "escape",
            "skip_initial_space": "skipping of initial spaces",
            "trim_fields": "leaving out of spaces that begin fields",
            "comment": "comment mark",
            "preamble_rows": "lines before the table",
            "header_rows": "header rows",
        }
    return [
        f"{label} {_value(getattr(source, name))} and not {_value(getattr(planned, name))}"
        for name, label in names.items()
        if getattr(source, name) != getattr(planned, name)
    ]


def _value(value: str | int | None) -> str:
    if value is None:
        return "none"
    return shown(value) if isinstance(value, str) and len(value) == 1 else str(value)


def _missing_columns(missing: list[str], found: Sequence[str]) -> DataError:
    return DataError(
        "missing_columns",
        f"The file lacks columns that the plan needs: {_named(missing)}. It has {_named(list(found))}. Load it into"
        " another area, or change the plan.",
        details={"columns": missing[:100]},
    )


def _named(names: list[str]) -> str:
    more = len(names) - _MAX_NAMED
    listed = ", ".join(repr(name) for name in names[:_MAX_NAMED])
    return f"{listed} and {more:,} more" if more > 0 else listed
