"""The records of an XML document as JSON objects, one a line.

A record's attributes are fields whose names begin with ``@``, its inner elements fields with their names. An element
without attributes and inner elements is its text as it stands there, any other an object in turn, whose own text is
``#text``. What comes several times in any record is an array in each; an element with ``xsi:nil`` is null.
"""

from collections.abc import Collection, Iterator
from typing import Any

import orjson

from stepmill.etl.readers.limits import RECORD_BYTES
from stepmill.etl.readers.xml_parse import local_name, walk_xml

_TEXT = "#text"
_ABOUT_SCHEMA = "xsi:"  # by custom: attributes that say which schema there is


def json_records(texts: Iterator[bytes], path: str, repeated: Collection[str]) -> Iterator[list[bytes]]:
    """The records at a path, each as a line of JSON, some at a time.

    Of one with more than a mebibyte of text no more is kept than shows that it is too large. Raises DataError
    ``broken_xml`` and ``xml_entities``.
    """
    records = _Records(path, frozenset(repeated))
    for _line in walk_xml(texts, records):
        yield records.taken()
    yield records.taken()


class _Open:
    """An element of a record that is not closed yet; ``path`` leads to it from the record."""

    __slots__ = ("fields", "has_inner", "is_nil", "name", "path", "texts")

    def __init__(self, name: str, path: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.path = path
        self.texts: list[str] = []
        self.has_inner = False
        self.is_nil = attributes.get("xsi:nil") in ("true", "1")
        self.fields: dict[str, Any] = {
            f"@{local_name(key)}": value
            for key, value in attributes.items()
            if not key.startswith(("xmlns", _ABOUT_SCHEMA))
        }


class _Records:
    """Hears of a document's elements, and keeps the records as they end."""

    def __init__(self, path: str, repeated: frozenset[str]) -> None:
        self._path = path.split("/")
        self._repeated = repeated
        self._way: list[str] = []
        self._open: list[_Open] = []
        self._lines: list[bytes] = []
        self._size = 0

    def taken(self) -> list[bytes]:
        """The records that ended since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """A record, a part of one, or something around records begins."""
        if self._open:
            outer = self._open[-1]
            outer.has_inner = True
            self._begin(_Open(name, f"{outer.path}/{name}" if outer.path else name, attributes))
            return
        self._way.append(name)
        if self._way == self._path:
            self._size = 0
            self._begin(_Open(name, "", attributes))

    def text(self, text: str) -> None:
        """Text counts in records only."""
        if self._open and not self._is_too_large:
            self._size += len(text)
            self._open[-1].texts.append(text)

    def end(self) -> None:
        """The innermost element ends."""
        if not self._open:
            self._way.pop()
            return
        ended = self._open.pop()
        if self._open:
            self._put(self._open[-1].fields, ended)
            return
        self._way.pop()
        value = _value(ended)
        record = value if isinstance(value, dict) else {_TEXT: value} if value else {}
        line = orjson.dumps(record)
        self._lines.append(line.ljust(RECORD_BYTES + 1) if self._is_too_large else line)

    @property
    def _is_too_large(self) -> bool:
        """Whether no more of the record is kept, since its line is to be rejected."""
        return self._size > RECORD_BYTES

    def _begin(self, element: _Open) -> None:
        if self._is_too_large:
            element.fields = {}
        self._size += sum(map(len, element.fields.values())) + len(element.name)
        self._open.append(element)

    def _put(self, fields: dict[str, Any], ended: _Open) -> None:
        if self._is_too_large:
            return
        name, value = ended.name, _value(ended)
        if name not in fields:
            fields[name] = [value] if ended.path in self._repeated else value
        elif ended.path in self._repeated:
            fields[name].append(value)
        else:
            known = fields[name]
            fields[name] = [*known, value] if isinstance(known, list) else [known, value]


def _value(element: _Open) -> Any:
    if element.is_nil:
        return None
    text = "".join(element.texts)
    if not element.has_inner and not element.fields:
        return "" if "\n" in text and not text.strip() else text
    text = text.strip()
    return {**element.fields, _TEXT: text} if text else element.fields
