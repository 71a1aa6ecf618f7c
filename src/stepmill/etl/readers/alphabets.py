"""Which characters text of a language has beyond ASCII, and in which old encodings such text is found.

Only what tells encodings apart matters here: read in a wrong one, text has letters that no language has together.
"""

from collections.abc import Callable
from dataclasses import dataclass

# Any language may have these: quotation marks, dashes, signs of currencies and units.
SYMBOLS = frozenset(
    "\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u2014\u2026\u20ac\u2022\u2122\u00a0"
    "\u00a3\u00a7\u00a9\u00ab\u00ae\u00b0\u00b1\u00b2\u00b3\u00b4\u00b5\u00b7\u00ba\u00aa\u00bb\u00bc\u00bd\u00be\u00d7"
)

_WESTERN = ("cp1252", "iso8859-15", "cp850", "mac-roman", "cp437")
_CENTRAL = ("cp1250", "iso8859-2", "cp852")
_BALTIC = ("cp1257", "iso8859-13", "iso8859-4")
_CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic", "koi8-u")
_RUSSIAN = "".join(map(chr, range(0x430, 0x450)))


@dataclass(frozen=True)
class Alphabet:
    """The lower-case letters of a language, or of some that share encodings."""

    letters: frozenset[str]
    encodings: tuple[str, ...]
    is_latin: bool = True


def _latin(letters: str, *encodings: str) -> Alphabet:
    return Alphabet(frozenset(letters), encodings)


def _other(letters: str, *encodings: str) -> Alphabet:
    return Alphabet(frozenset(letters), encodings, is_latin=False)


def _between(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


# In order of preference where the evidence is even.
ALPHABETS = (
    _latin("äöüß", *_WESTERN),
    _latin("éèêëàâçîïôùûüœæ", *_WESTERN),
    _latin("áéíóúñü¿¡", *_WESTERN),
    _latin("áâãàçéêíóôõúü", *_WESTERN),
    _latin("àèéìîòù", *_WESTERN),
    _latin("åäöéæø", *_WESTERN, "cp865"),
    _latin("áæéíðóöúýþ", *_WESTERN, "cp861"),
    _latin("ëéïöüèáó", *_WESTERN),
    _latin("ąćęłńóśźż", *_CENTRAL),
    _latin("áäčďéěíĺľňóôŕřšťúůýžö", *_CENTRAL),
    _latin("áéíóöőúüű", *_CENTRAL),
    _latin("čćđšž", *_CENTRAL),
    _latin("ăâîşţ", *_CENTRAL),
    _latin("çğıöşüâî\u0307", "cp1254", "iso8859-9", "cp857"),
    _latin("āčēģīķļņšūž", *_BALTIC),
    _latin("ąčęėįšųūž", *_BALTIC),
    _latin("äõöüšž", "cp1252", "cp1257"),
    _other(_RUSSIAN + "ё", *_CYRILLIC),
    _other(_RUSSIAN + "єіїґ", "cp1251", "koi8-u", "iso8859-5"),
    _other(_RUSSIAN + "ђјљњћџ", "cp1251", "iso8859-5", "cp855"),
    _other(_between(0x3AC, 0x3CE) + "\u0390", "cp1253", "iso8859-7", "cp737", "cp869"),
    _other(_between(0x5D0, 0x5EA), "cp1255", "iso8859-8", "cp862"),
    _other(_between(0x621, 0x652) + "\u060c\u061b\u061f\u067e\u0686\u0698\u06af", "cp1256", "iso8859-6", "cp864"),
    _other(_between(0xE01, 0xE3A) + _between(0xE40, 0xE4E), "cp874", "iso8859-11"),
)


@dataclass(frozen=True)
class Ideographs:
    """An East Asian encoding, and which characters are common in text that is really in it."""

    encoding: str
    is_common: Callable[[str], bool]


def _lead_byte(character: str, encoding: str) -> int:
    """The first of two bytes: national standards put the common characters first."""
    try:
        encoded = character.encode(encoding)
    except UnicodeEncodeError:
        return 0
    return encoded[0] if len(encoded) == 2 else 0


def _is_hangul(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3"


def _is_japanese(character: str) -> bool:
    return "\u3040" <= character <= "\u30ff" or 0xB0 <= _lead_byte(character, "euc_jp") <= 0xCF


def _is_simplified_chinese(character: str) -> bool:
    return 0xB0 <= _lead_byte(character, "gb2312") <= 0xD7


def _is_traditional_chinese(character: str) -> bool:
    return 0xA4 <= _lead_byte(character, "big5") <= 0xC6


# The bytes of Korean text are common Japanese and Chinese characters too, and so on down: the narrower comes first.
IDEOGRAPHS = (
    Ideographs("cp949", _is_hangul),
    Ideographs("euc_jp", _is_japanese),
    Ideographs("cp932", _is_japanese),
    Ideographs("gb18030", _is_simplified_chinese),
    Ideographs("big5", _is_traditional_chinese),
)
EAST_ASIAN_SIGNS = frozenset(
    _between(0x3000, 0x303F) + _between(0xFF01, 0xFF65) + "\u30fb\u30fc\u2026\u2014\u00d7\u00b7"
)
