"""Whether a text is JSON, and where in it the records are."""

import re
from dataclasses import dataclass, field

import orjson

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:]', re.DOTALL)
_MAX_DEPTH = 8


@dataclass(frozen=True)
class JsonShape:
    """``jsonl``: an object on each line. ``json``: an array, at ``records_path`` or at the top, or several objects."""

    format: str
    records_path: str | None = None


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
    if not start.startswith(("{", "[")):
        return None
    first_line, _, rest = start.partition("\n")
    if start.startswith("{"):
        if _is_json(first_line) and (rest.strip() or find_records_path(first_line) is None):
            return JsonShape("jsonl")
        if not re.match(r'\{\s*(?:"|\})', start):
            return None
        return JsonShape("json", find_records_path(start))
    if re.match(r'\[\s*(?:[\[{"\]\d-]|true|false|null)', start) is None:
        return None
    if _is_json(first_line) and rest.lstrip().startswith("["):
        return JsonShape("jsonl")  # an array on each line: no objects, which is for the reader to say
    is_array = re.match(r"\[\s*(?:\{|\])", start) is not None or _is_json(start)
    return JsonShape("json") if is_array else None


def find_records_path(text: str) -> str | None:
    """The keys to the array of objects in an object: the least deep, of those the longest; None if there is none."""
    candidates = _arrays_of_objects(text)
    if not candidates:
        return None
    depth = min(len(found.path) for found in candidates)
    best = max(
        (found for found in candidates if len(found.path) == depth),
        key=lambda found: (len(text) if found.end is None else found.end) - found.begin,
    )
    return ".".join(best.path)


def records_begin(text: str, path: str | None) -> int | None:
    """Where in the text the first record of the array can stand: behind its bracket. None if it is not there."""
    if path is None:
        match = re.match(r"\s*\[", text)
        return match.end() if match else None
    return next((found.begin for found in _arrays(text) if ".".join(found.path) == path), None)


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
        token = match[0]
        if token in "{[":
            _enter(walk, token, match.end())
        elif token in "}]":
            if not walk.kinds:
                break
            _leave(walk, match.start())
            if not walk.kinds:
                break
        elif token == ":" and walk.kinds and walk.kinds[-1] == "{":
            walk.keys[-1] = _text_of(previous)
        previous = token
    return walk.found


def _enter(walk: _Walk, bracket: str, behind: int) -> None:
    only_objects = "[" not in walk.kinds
    path = tuple(key for key in walk.keys if key is not None)
    if bracket == "[" and only_objects and 0 < len(walk.kinds) <= _MAX_DEPTH and len(path) == len(walk.keys):
        found = _Found(path, behind)
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
