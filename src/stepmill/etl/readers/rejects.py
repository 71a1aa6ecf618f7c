"""Rejects for records that can't be split into fields."""

import orjson

from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.limits import KEPT_CHARACTERS, RAW_CHARACTERS, RECORD_BYTES

_FAULTS = {
    "record_too_large": f"The record is larger than {RECORD_BYTES // 1024:,} KiB.",
    "unclosed_quote": (
        "A quote is opened on this line and not closed, neither in the record nor before the end of the file."
    ),
    "stray_quote": (
        "Behind a quote that closes a field, something other than a delimiter or the end of the line follows: a quote"
        " on this line is not closed, or one within a field is not doubled."
    ),
    "bad_encoding": "The record has bytes that are no characters in the file's encoding, {encoding}.",
    "out_of_place": "The line has something where the file's columns are apart, so its fields can't be told.",
    "bad_json": "The record is no valid JSON: {detail}.",
    "not_an_object": "The record is no JSON object with fields, but {detail}.",
}


def reject_record(
    code: str, line: int, text: str, *, column: str | None = None, cut_off: bool = False, **details: str
) -> Reject:
    """The reject for a record as a whole. ``cut_off``: there was more of it than ``text``."""
    kept = text[:KEPT_CHARACTERS] if cut_off else text
    return Reject(line, column, code, _FAULTS[code].format(**details), text[:RAW_CHARACTERS], _as_json(kept))


def reject_ragged(line: int, text: str, count: int, columns: tuple[str, ...]) -> Reject:
    """The reject for a row with too many or too few fields."""
    found = f"The row has {count:,} {'field' if count == 1 else 'fields'} and not {len(columns):,}"
    if count < len(columns):
        column = columns[count]
        return Reject(
            line,
            column,
            "too_few_fields",
            f"{found}: it ends before the column {column!r}.",
            text[:RAW_CHARACTERS],
            _as_json(text),
        )
    surplus = f"field {len(columns) + 1:,}, behind the last column {columns[-1]!r}, is the first too many"
    return Reject(line, None, "too_many_fields", f"{found}: {surplus}.", text[:RAW_CHARACTERS], _as_json(text))


def _as_json(text: str) -> str:
    return orjson.dumps(text.encode("utf-8", "backslashreplace").decode()).decode()
