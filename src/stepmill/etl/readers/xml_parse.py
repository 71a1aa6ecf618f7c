"""XML documents, walked through from their beginning with bounded memory, by the parser that comes with Python.

Whatever a document declares is not believed: one with entities of its own is refused, since they may swell without end
or stand for other files (https://docs.python.org/3/library/xml.html#xml-security).
"""

import codecs
from collections.abc import Iterator
from typing import Any, NoReturn, Protocol
from xml.parsers import expat

from stepmill.errors import DataError
from stepmill.etl.readers.compression import Packing, open_bytes
from stepmill.gateways.blobs import BlobLocation

MOST_DEPTH = 200
"""How deeply elements may be nested. What is deeper can't be a value in JSON, either."""

_CHUNK = 256 * 1024
_LONGEST_TAG = 16 * 1024 * 1024


class Elements(Protocol):
    """Who hears of a document's elements, in order. Names are without their namespace's prefix."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins. Attributes have their prefixes."""

    def text(self, text: str) -> None:
        """Characters in the innermost open element: a piece of its text, or all of it."""

    def end(self) -> None:
        """The innermost open element ends."""


def walk_xml(texts: Iterator[bytes], elements: Elements) -> Iterator[int]:
    """Tell of all elements in pieces of a document in UTF-8; answers the line reached, piece by piece.

    Raises DataError ``broken_xml`` and ``xml_entities``.
    """
    walk = _Walk(elements)
    for text in texts:
        walk.feed(text)
        yield walk.line
    walk.feed(b"", is_last=True)


def local_name(name: str) -> str:
    """The name without its namespace's prefix."""
    return name.rpartition(":")[2]


def broken_xml(line: int, what: str) -> DataError:
    """The error for a document that can't be read beyond a line."""
    return DataError(
        "broken_xml",
        f"The XML document can't be read beyond line {line:,}: {what}. Upload the whole file again, or mend it.",
        details={"line": line},
    )


def utf8_texts(location: BlobLocation, packing: Packing, encoding: str) -> Iterator[bytes]:
    """The document in pieces, in UTF-8 and without a byte order mark. Raises DataError ``broken_xml``."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, is_first = 1, True
    buffer = bytearray(_CHUNK)
    with open_bytes(location, packing) as stream:
        while True:
            data = bytes(memoryview(buffer)[: stream.read_into(memoryview(buffer))])
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise broken_xml(line, f"the bytes there are not valid {encoding}") from error
            if text:
                yield (text.removeprefix("\ufeff") if is_first else text).encode("utf-8", "replace")
                is_first = False
            line += text.count("\n")
            if not data:
                return


class _Walk:
    """A parser, and what has to be watched while it works."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._depth = 0
        self._unheard = 0  # bytes since it last told of something
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.buffer_size = _CHUNK
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = parser.ProcessingInstructionHandler = self._nothing
        parser.EntityDeclHandler = self._refuse_entity
        parser.SkippedEntityHandler = self._refuse_unknown

    @property
    def line(self) -> int:
        return self._parser.CurrentLineNumber

    def feed(self, text: bytes, *, is_last: bool = False) -> None:
        self._unheard += len(text)
        try:
            self._parser.Parse(text, is_last)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code) or "it is not well-formed"
            raise broken_xml(error.lineno, f"{what} (column {error.offset + 1:,})") from error
        if self._unheard > _LONGEST_TAG:
            raise broken_xml(self.line, f"a tag or comment has more than {_LONGEST_TAG // 1024**2} MiB")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._unheard = 0
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise broken_xml(self.line, f"elements are nested more than {MOST_DEPTH} deep")
        self._elements.start(local_name(name), attributes)

    def _end(self, _name: str) -> None:
        self._depth -= 1
        self._elements.end()

    def _text(self, text: str) -> None:
        self._unheard = 0
        self._elements.text(text)

    def _nothing(self, *_of: Any) -> None:
        self._unheard = 0

    def _refuse_entity(self, name: str, *_of: Any) -> NoReturn:
        raise DataError(
            "xml_entities",
            f"The XML document declares the entity {name!r} in line {self.line:,}. Documents with entities of their own"
            " are not read, since these may stand for other files or swell without end. Save it without them.",
            details={"line": self.line},
        )

    def _refuse_unknown(self, name: str, _is_parameter: bool) -> NoReturn:
        raise broken_xml(self.line, f"the entity {name!r} is not defined in it")
