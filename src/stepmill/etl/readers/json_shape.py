"""Whether a text is JSON, and where in it the records are."""

import re
from dataclasses import dataclass, field
from typing import Literal

import orjson

from stepmill.etl.plan.source import WIDE_ENCODINGS

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:]', re.DOTALL)
_MAX_DEPTH = 8
_LINES_JUDGED = 50


@dataclass(frozen=True)
class JsonShape:
    """``jsonl``: an object on each line. ``json``: an array, at ``records_path`` or at the top, or several objects."""

    format: Literal["jsonl", "json"]
    records_path: str | None = None
    is_array: bool = False


@dataclass
class _Found:
    path: tuple[str, ...]
    begin: int
    end: int | None = None


@dataclass
class _Walk:
    """The way to the place that is looked at: for each open object its present key, for each open array None."""

    keys: list[str | None] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    found: list[_Found] = field(default_factory=list)
    open: dict[int, _Found] = field(default_factory=dict)


def find_shape(text: str) -> JsonShape | None:
    """The shape of a text that begins like this; None if it is no JSON."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("{"):
        return _shape_of_objects(start)
    if re.match(r'\[\s*(?:[\[{"\]\d-]|true|false|null)', start) is None:
        return None
    first_line, _, rest = start.partition("\n")
    if _is_json(first_line) and rest.lstrip().startswith("["):
        return JsonShape("jsonl")  # an array on each line: no objects, which is for the reader to say
    is_array = re.match(r"\[\s*(?:\{|\])", start) is not None or _is_json(start)
    return JsonShape("json", is_array=True) if is_array else None


def _shape_of_objects(start: str) -> JsonShape | None:
    first_line, _, rest = start.partition("\n")
    if _is_json(first_line) and (rest.strip() or find_records_path(first_line) is None):
        return JsonShape("jsonl")
    if re.match(r'\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\})', start) is None:
        return None
    if _has_object_lines(start):
        return JsonShape("jsonl")  # the first is broken, which is for the reader to say
    return JsonShape("json", find_records_path(start))


def _has_object_lines(text: str) -> bool:
    lines = [line for line in text.split("\n", _LINES_JUDGED + 1)[:_LINES_JUDGED] if line.strip()]
    objects = sum(line.startswith("{") and _is_json(line) for line in lines)
    return len(lines) > 1 and 2 * objects > len(lines)


def find_records_path(text: str) -> str | None:
    """The keys to the array of objects in an object: the least deep, of those the longest; None if there is none."""
    candidates = _arrays_of_objects(text)
    if not candidates or _goes_on(text):
        return None
    depth = min(len(found.path) for found in candidates)
    best = max(
        (found for found in candidates if len(found.path) == depth),
        key=lambda found: (len(text) if found.end is None else found.end) - found.begin,
    )
    return ".".join(best.path)


def records_begin(text: bytes, path: str | None, encoding: str) -> int | None:
    """Where in the text the first record of the array can stand: behind its bracket. None if it is not there."""
    plain = text.decode("latin-1")  # places are counted in bytes
    if path is None:
        match = re.match(r"[ \t\r\n]*\[", plain)
        return match.end() if match else None
    narrow = "utf-8" if encoding in WIDE_ENCODINGS else encoding
    sought = path.encode(narrow, errors="replace").decode("latin-1")
    return next((found.begin for found in _arrays(plain) if ".".join(found.path) == sought), None)


def _goes_on(text: str) -> bool:
    """Whether another object follows the first."""
    depth = 0
    for match in _TOKEN.finditer(text):
        if match[0] in ("{", "["):
            depth += 1
        elif match[0] in ("}", "]"):
            depth -= 1
            if depth == 0:
                return text[match.end() : match.end() + 1_000].lstrip(" \t\r\n,").startswith("{")
    return False


def _is_json(line: str) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _arrays_of_objects(text: str) -> list[_Found]:
    return [found for found in _arrays(text) if re.match(r"\s*\{", text[found.begin : found.begin + 1000])]


def _arrays(text: str) -> list[_Found]:
    """All arrays that are reached through objects alone."""
    walk = _Walk()
    previous = ""
    for match in _TOKEN.finditer(text):
        mark = match[0]
        if mark in ("{", "["):
            _enter(walk, mark, match.end())
        elif mark in ("}", "]"):
            if not walk.kinds:
                break
            _leave(walk, match.start())
            if not walk.kinds:
                break
        elif mark == ":" and walk.kinds and walk.kinds[-1] == "{":
            walk.keys[-1] = _text_of(previous)
        previous = mark
    return walk.found


def _enter(walk: _Walk, bracket: str, behind: int) -> None:
    may_be_records = bracket == "[" and 0 < len(walk.kinds) <= _MAX_DEPTH  # deep ones aren't looked at any closer
    if may_be_records and "[" not in walk.kinds and None not in walk.keys:
        found = _Found(tuple(key for key in walk.keys if key is not None), behind)
        walk.found.append(found)
        walk.open[len(walk.kinds)] = found
    walk.kinds.append(bracket)
    walk.keys.append(None)


def _leave(walk: _Walk, position: int) -> None:
    walk.kinds.pop()
    walk.keys.pop()
    found = walk.open.pop(len(walk.kinds), None)
    if found is not None:
        found.end = position


def _text_of(token: str) -> str:
    try:
        return str(orjson.loads(token))
    except orjson.JSONDecodeError:
        return token.strip('"')
