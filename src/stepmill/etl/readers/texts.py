"""Pieces of a file as text, for detection: its beginning and some places further on, in whole lines."""

import codecs
import re

from stepmill.errors import DataError
from stepmill.etl.readers.encoding import bom_length
from stepmill.etl.readers.limits import RECORD_BYTES
from stepmill.etl.readers.survey import Survey

_HEAD_BYTES = 64 * 1024
_HEAD_LINES = 20
_MAX_OTHERS = 8
_OTHER_BYTES = 8 * 1024
_LINE_END = re.compile(r"\r\n|\n|\r")


def head_text(survey: Survey, encoding: str) -> str:
    """The beginning of the file, as far as it was kept."""
    return _decode(survey.head[bom_length(survey.head, encoding) :], encoding)


def sample_lines(survey: Survey, encoding: str) -> list[str]:
    """The file's beginning, always there, and pieces from further on; each in whole lines, so far as it has any.

    Raises DataError ``no_first_row``.
    """
    kept = survey.head + survey.after_head
    head = _decode(kept[bom_length(kept, encoding) :], encoding)
    short = _first_lines(head)
    is_all = survey.text_bytes == len(kept) and len(short) == len(head)
    samples = [_without_end_mark(short) if is_all else _without_last_line(short)]
    others = [sample for sample in survey.samples if sample.offset >= len(kept)]
    for sample in others[:: max(1, len(others) // _MAX_OTHERS)]:
        text = _decode(sample.data[:_OTHER_BYTES], encoding)
        lines = _without_last_line(_without_first_line(text))
        if lines:
            samples.append(lines)
    _expect_row(samples, is_all=is_all)
    return samples


def whole_text(survey: Survey, encoding: str) -> str | None:
    """All of the text, of which the first of the ``sample_lines`` is the beginning; None if it is too large."""
    return _without_end_mark(head_text(survey, encoding)) if survey.is_whole else None


def _expect_row(samples: list[str], *, is_all: bool) -> None:
    first = samples[0]
    if not first.strip() and not is_all:
        message = f"The first {len(first):,} characters of the file are blank. Remove the lines before the table."
    elif len(samples) == 1 and _LINE_END.search(first) is None and (len(first) > RECORD_BYTES or not is_all):
        message = (
            f"No line ends in the first {len(first):,} characters of the file, and a record may have"
            f" {RECORD_BYTES // 1024:,} KiB. Is it a table with one record in each line?"
        )
    else:
        return
    raise DataError("no_first_row", message)


def _decode(data: bytes, encoding: str) -> str:
    """The text without a character that the end cuts."""
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(data)


def _without_end_mark(text: str) -> str:
    """Without the sign by which DOS ends a text, where it has the last line for itself."""
    return text[:-1] if text.endswith(("\n\x1a", "\r\x1a")) else text


def _first_lines(text: str) -> str:
    """About as much as is looked at, or more where lines are long."""
    size = _HEAD_BYTES
    while size < len(text) and text.count("\n", 0, size) + text.count("\r", 0, size) < _HEAD_LINES:
        size *= 2
    return text[:size]


def _without_last_line(text: str) -> str:
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:end] or text


def _without_first_line(text: str) -> str:
    match = _LINE_END.search(text)
    return text[match.end() :] if match else ""
