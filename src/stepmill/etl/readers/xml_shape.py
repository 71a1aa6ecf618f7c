"""Which elements of an XML document are its records: those that come again and again, as near to the root as may be."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from stepmill.etl.readers.xml_parse import walk_xml

_MOST_PATHS = 10_000
_MOST_PIECES = 256
"""How much of a document is looked at: 64 MiB. What comes twice in a record only behind that is not known to."""


@dataclass(frozen=True)
class XmlShape:
    """``records_path``: the names from the root to a record, joined by slashes.

    ``repeated``: the paths below that of elements that come several times in the one around them.
    """

    records_path: str
    repeated: tuple[str, ...]


@dataclass
class _Kind:
    """All elements of one path."""

    depth: int
    count: int = 0
    siblings: int = 0  # most in one element
    has_parts: bool = False
    characters: int = 0


@dataclass
class _Open:
    path: str
    kind: _Kind | None
    inner: Counter[str] = field(default_factory=Counter)


class XmlPaths:
    """Hears of a document's elements, and counts them by their paths."""

    def __init__(self) -> None:
        self.kinds: dict[str, _Kind] = {}
        self._open: list[_Open] = []

    @property
    def count(self) -> int:
        """How many elements there are."""
        return sum(kind.count for kind in self.kinds.values())

    @property
    def root(self) -> str:
        """The name of the outermost element; empty as long as there is none."""
        return next(iter(self.kinds), "")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Count one more of its path."""
        outer = self._open[-1] if self._open else None
        path = f"{outer.path}/{name}" if outer is not None else name
        kind = self.kinds.get(path)
        if kind is None and len(self.kinds) < _MOST_PATHS:
            kind = self.kinds[path] = _Kind(len(self._open))
        if kind is not None:
            kind.count += 1
            kind.has_parts = kind.has_parts or any(not key.startswith("xmlns") for key in attributes)
            kind.characters += sum(map(len, attributes.values()))
        if outer is not None:
            outer.inner[name] += 1
            if kind is not None:
                kind.siblings = max(kind.siblings, outer.inner[name])
            if outer.kind is not None:
                outer.kind.has_parts = True
        self._open.append(_Open(path, kind))

    def text(self, text: str) -> None:
        """Count it for the innermost element."""
        kind = self._open[-1].kind if self._open else None
        if kind is not None:
            kind.characters += len(text)

    def end(self) -> None:
        """Go back to the element around."""
        self._open.pop()


def look_at_paths(texts: Iterator[bytes], paths: XmlPaths) -> None:
    """Count a document's elements, or those in its first 64 MiB.

    Raises DataError ``broken_xml`` and ``xml_entities``.
    """
    for _line in islice(walk_xml(texts, paths), _MOST_PIECES):
        pass


def shape_of(paths: XmlPaths, planned_path: str | None, planned_repeated: Collection[str]) -> XmlShape:
    """The shape of a document with these paths; its records are at ``planned_path`` if there can be such.

    What was repeated by the plan is so in this document, too.
    """
    kinds = paths.kinds
    may_be_empty = planned_path is not None and planned_path.rpartition("/")[0] in kinds
    path = planned_path if planned_path is not None and (planned_path in kinds or may_be_empty) else _records_of(kinds)
    inside = f"{path}/"
    several = [each for each, kind in kinds.items() if kind.siblings > 1]
    repeated = {each.removeprefix(inside) for each in several if each.startswith(inside)}
    if path == planned_path:
        repeated |= set(planned_repeated)
    return XmlShape(path, tuple(sorted(repeated)))


def _records_of(kinds: dict[str, _Kind]) -> str:
    """Those that are repeated, least deep, and have parts; of several the ones with the most text.

    A document with one record has that in its root, or is one.
    """
    repeated = [path for path, kind in kinds.items() if kind.siblings > 1]
    with_parts = [path for path in repeated if kinds[path].has_parts]
    if with_parts:
        return _largest(kinds, with_parts)
    root, *others = kinds
    inner = [path for path in others if kinds[path].depth == 1]
    if len(inner) == 1 and (kinds[inner[0]].has_parts or inner[0] in repeated):
        return inner[0]
    return root


def _largest(kinds: dict[str, _Kind], paths: Sequence[str]) -> str:
    depth = min(kinds[path].depth for path in paths)
    least_deep = [path for path in paths if kinds[path].depth == depth]
    return max(least_deep, key=lambda path: _characters(kinds, path))


def _characters(kinds: dict[str, _Kind], path: str) -> int:
    return sum(kind.characters for each, kind in kinds.items() if each == path or each.startswith(f"{path}/"))
