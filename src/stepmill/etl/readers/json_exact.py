"""One JSON object read by Python's own parser: for records that are broken, and to say what is wrong with them."""

import json
import re
from typing import Any

from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.rejects import reject_record

_BLANK = re.compile(r"[ \t\r\n]*")
_decoder = json.JSONDecoder()


def read_object(text: str, line: int) -> dict[str, str | None] | Reject:
    """The fields with their texts, as ``json_fields`` gives them."""
    try:
        return _fields(text)
    except RecursionError:
        detail = "it is nested too deeply"
    except UnicodeEncodeError:
        detail = "it escapes half a character (a lone surrogate)"
    except _NotAnObjectError as error:
        return reject_record("not_an_object", line, text, detail=str(error))
    except json.JSONDecodeError as error:
        detail = f"{error.msg} at character {error.pos + 1:,}"
    return reject_record("bad_json", line, text, detail=detail)


class _NotAnObjectError(Exception):
    """The value is something else."""


def _fields(text: str) -> dict[str, str | None]:
    position = _skip_blank(text, 0)
    if text[position : position + 1] != "{":
        value, end = _decoder.raw_decode(text, position)
        _expect_end(text, end)
        raise _NotAnObjectError(_describe(value))
    fields: dict[str, str | None] = {}
    position = _skip_blank(text, position + 1)
    is_first = True
    while text[position : position + 1] != "}":
        if not is_first:
            position = _expect(text, position, ",")
        if text[position : position + 1] != '"':
            raise json.JSONDecodeError("a name in double quotes is missing", text, position)
        name, position = _decoder.raw_decode(text, position)
        begin = _expect(text, _skip_blank(text, position), ":")
        value, end = _decoder.raw_decode(text, begin)
        # Of a doubled name the last counts, as it does for Python, browsers and jsonb.
        fields[name] = value if value is None or isinstance(value, str) else text[begin:end]
        _check_storable(name, text[begin:end] if isinstance(value, list | dict) else value)
        position = _skip_blank(text, end)
        is_first = False
    _expect_end(text, position + 1)
    return fields


def _expect(text: str, position: int, mark: str) -> int:
    """The place of what comes after the mark."""
    if text[position : position + 1] != mark:
        raise json.JSONDecodeError(f"{mark!r} is missing", text, position)
    return _skip_blank(text, position + 1)


def _expect_end(text: str, position: int) -> None:
    position = _skip_blank(text, position)
    if position < len(text):
        raise json.JSONDecodeError("something follows the value", text, position)


def _skip_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _check_storable(*texts: Any) -> None:
    for text in texts:
        if isinstance(text, str):
            text.encode()


def _describe(value: Any) -> str:
    if value is None:
        return "null"
    return "an array" if isinstance(value, list) else "a single value"
