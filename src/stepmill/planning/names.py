"""Names of columns, made from headers.

The logical name, which readers of the view see, is the header as it stands. The physical name is made of it: small
letters without accents (``ä`` is ``ae``, ``ł`` is ``l``), letters of other scripts kept, ``%`` as ``percent`` and ``#``
as ``number``, an underscore wherever something else stood or a capital began a word, and ``c_`` before a digit. Both
have at most 63 bytes, which is PostgreSQL's limit, and a number at their end where they would be taken otherwise.
They are always quoted, so a header that is SQL is a name like any.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from stepmill.etl.plan.base import MAX_IDENTIFIER_BYTES, RESERVED_NAMES

_TWO_LETTERS = ("ae", "oe", "ue", "Ae", "Oe", "Ue", "ss", "SS", "ae", "Ae", "oe", "Oe", "o", "O", "th", "Th")
_SPELLED_OUT = str.maketrans(
    dict(zip("äöüÄÖÜßẞæÆœŒøØþÞ", _TWO_LETTERS, strict=True))
    | dict(zip("łŁđĐðÐħĦŋŊ\u0131", "lLdDdDhHnNi", strict=True))
    | {"%": " percent ", "#": " number ", "&": " and ", "№": " number ", "°": " deg ", "'": "", "\u2019": ""}
)
_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def physical_names(headers: Sequence[str]) -> list[str]:
    """A name for each header, all different."""
    return _unique(headers, lambda header, number: _snake(header) or f"column_{number}")


def logical_names(headers: Sequence[str]) -> list[str]:
    """The headers, cut where they are too long, all different."""
    return _unique(headers, lambda header, number: header.replace("\x00", "") or f"column_{number}")


def added_names(wanted: Sequence[str], taken: Iterable[str]) -> list[str]:
    """The names, each with a number at its end where it is taken already."""
    names: list[str] = []
    known = set(taken)
    for name in wanted:
        names.append(_numbered(name, known) if name in known else name)
        known.add(names[-1])
    return names


def _unique(headers: Sequence[str], make: Callable[[str, int], str]) -> list[str]:
    wanted = [cut(make(header, number)) for number, header in enumerate(headers, 1)]
    free = {name for name in wanted if name not in RESERVED_NAMES}
    taken: set[str] = set()
    names = []
    for name in wanted:
        fits = name in free and name not in taken
        names.append(name if fits else _numbered(name, taken | free))
        taken.add(names[-1])
    return names


def _numbered(name: str, taken: set[str]) -> str:
    number = 2
    while (candidate := cut(name, room_for := f"_{number}") + room_for) in taken:
        number += 1
    return candidate


def cut(name: str, room_for: str = "") -> str:
    """The name with at most 63 bytes, what is to come after it included, and no character split."""
    room = MAX_IDENTIFIER_BYTES - len(room_for.encode())
    encoded = name.encode("utf-8", "replace")
    return name if len(encoded) <= room else encoded[:room].decode("utf-8", "ignore")


def _snake(header: str) -> str:
    spelled = _without_latin_accents(unicodedata.normalize("NFC", header).translate(_SPELLED_OUT))
    words = re.sub(r"[\W_]+", "_", _WORD_BEGINS.sub("_", spelled)).strip("_").lower()
    return f"c_{words}" if words[:1].isdigit() else words


def _without_latin_accents(text: str) -> str:
    """Accents are cut from Latin letters only: in other scripts they make other letters."""
    kept = ""
    for letter in unicodedata.normalize("NFKD", text):
        is_accent = unicodedata.combining(letter) and kept[-1:].isascii() and kept[-1:].isalpha()
        kept += "" if is_accent else letter
    return unicodedata.normalize("NFC", kept)
