"""Which encoding the bytes of a file are in.

A byte order mark, the pattern of zero bytes and UTF-8's strict rules settle most files. What is left is told by its
phrases: under which encoding they have the letters of one language, with capitals where capitals go.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stepmill.etl.readers.alphabets import ALPHABETS, EAST_ASIAN_SIGNS, IDEOGRAPHS, SYMBOLS, Alphabet, Ideographs
from stepmill.etl.readers.encoding import encoding_by_bom, is_valid_utf8
from stepmill.etl.readers.survey import Survey

DEFAULT_CODE_PAGE = "cp1252"
_MOSTLY = 0.9
_EVEN = 0.02  # evidence that differs by no more is even
_SYMBOL_WORTH = 0.95
_LESS_USUAL = 0.04  # what an encoding loses for each that is more usual for the language
_MAX_PHRASES = 1_000
_ZEROS = {"utf-16-le": (0, 1), "utf-16-be": (1, 0), "utf-32-le": (0, 1, 1, 1), "utf-32-be": (1, 1, 1, 0)}
_CONTROLS = bytes(set(range(1, 32)) - set(b"\t\n\r"))
_WORD = re.compile(r"[^\W\d_]+")
# Signs that stand before no letter.
_TORN_WORD = re.compile(r"[\xa6\xa8\xa9\xac\xae\xb1\xb4\xb8\xb9\xbc-\xbe][^\W\d_]")
# Thai marks above and below stand with a consonant.
_THAI_MARKS = r"\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
_TORN_THAI = re.compile(rf"(?<![\u0e01-\u0e2e{_THAI_MARKS}])[{_THAI_MARKS}]")
_ASCII_BEFORE = re.compile(r"[a-z][\u3040-\u9fff\uac00-\ud7a3]")
# Every word of some length has one of these, capitals aside.
_CYRILLIC_VOWELS = frozenset("аеёиоуыэюяєії")
# Hebrew and Arabic have some letters, or forms of them, at the end of a word only; Thai has vowels that follow another.
_ONLY_LAST = frozenset("\u05da\u05dd\u05df\u05e3\u05e5\u0629\u0649")
_NEVER_FIRST = frozenset("\u0e30\u0e32\u0e33\u0e45")
_THAI_VOWELS = frozenset("\u0e2d\u0e27\u0e22\u0e30\u0e32\u0e33\u0e40\u0e41\u0e42\u0e43\u0e44\u0e45")
_SOME_LETTERS = 6  # hardly a Thai word has as many consonants on end
_GREEK_ACCENTED = frozenset("\u03ac\u03ad\u03ae\u03af\u03cc\u03cd\u03ce\u0390\u03b0")


@dataclass(frozen=True)
class Charset:
    """An encoding and how sure that is."""

    encoding: str
    reason: str
    is_guess: bool = False
    bad_places: int = 0
    """How many places were seen that can't be decoded."""


def choose_charset(survey: Survey) -> Charset:
    """By byte order mark, by the pattern of zero bytes, by UTF-8's rules; failing all these, by what reads best."""
    head = survey.head
    if (by_bom := encoding_by_bom(head)) is not None:
        bad = survey.utf8_errors if by_bom == "utf-8" else 0
        return Charset(by_bom, "it begins with this encoding's byte order mark", bad_places=bad)
    if (by_zeros := _by_zeros(head)) is not None:
        return Charset(by_zeros, "its zero bytes stand where this encoding puts them")
    if survey.is_ascii:
        return Charset("utf-8", "it has nothing but ASCII characters")
    if survey.utf8_errors == 0:
        return Charset("utf-8", "all of it is valid UTF-8")
    if survey.utf8_characters >= survey.utf8_errors:  # other text hardly ever looks like UTF-8
        return Charset("utf-8", "most characters beyond ASCII are valid UTF-8", bad_places=survey.utf8_errors)
    return Charset(_by_phrases(sorted(survey.phrases)), "its words read best in it", is_guess=True)


def _by_zeros(head: bytes) -> str | None:
    sample = head[:4096]
    sample = sample[: len(sample) - len(sample) % 4] or sample
    if sample.count(0) < 0.02 * len(sample) or len(sample) < 2:
        return None
    for encoding, zeros in _ZEROS.items():
        if len(sample) % len(zeros) == 0 and _fits(sample, zeros) and _decodes(sample, encoding):
            return encoding
    return None


def _fits(sample: bytes, zeros: Sequence[int]) -> bool:
    """Whether zero bytes are where ASCII characters, or at least line ends and delimiters, have them."""
    step = len(zeros)
    shares = [sample[place::step].count(0) * step / len(sample) for place in range(step)]
    where = [share for share, is_zero in zip(shares, zeros, strict=True) if is_zero]
    elsewhere = [share for share, is_zero in zip(shares, zeros, strict=True) if not is_zero]
    if max(elsewhere) > 0.1 * min(where):
        return False
    return min(where) > (0.4 if step == 2 else 0.9) or (step == 2 and not _is_narrow_text(sample))


def _is_narrow_text(sample: bytes) -> bool:
    """Whether it can be read with its zero bytes as they are."""
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls <= 0.02 * len(sample) and is_valid_utf8(sample)


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample[:-2].decode(encoding)
    except UnicodeDecodeError as error:
        return error.end >= len(sample) - 4  # a pair of surrogates may be cut
    return True


def _by_phrases(phrases: list[bytes]) -> str:
    step = max(1, len(phrases) // _MAX_PHRASES)
    chosen = phrases[::step]
    best, best_score = DEFAULT_CODE_PAGE, 0.0
    for encoding, score in _scores(chosen):
        if score > best_score + _EVEN:
            best, best_score = encoding, score
    return best


def _scores(phrases: list[bytes]) -> Iterator[tuple[str, float]]:
    """Every encoding that can be meant with how well the phrases read in it, the likelier first."""
    for ideographs in IDEOGRAPHS:
        if (score := _east_asian_score(phrases, ideographs)) > _MOSTLY:
            yield ideographs.encoding, score
    tried: dict[str, list[str] | None] = {}
    for rank in range(max(len(alphabet.encodings) for alphabet in ALPHABETS)):
        for alphabet in ALPHABETS:
            for encoding in alphabet.encodings[rank : rank + 1]:
                if encoding not in tried:
                    tried[encoding] = _decode_all(phrases, encoding)
                if (texts := tried[encoding]) is not None:
                    yield encoding, _alphabet_score(texts, alphabet) - rank * _LESS_USUAL


def _decode_all(phrases: list[bytes], encoding: str) -> list[str] | None:
    """None if much of it can't be decoded."""
    texts = [phrase.decode(encoding, errors="replace") for phrase in phrases]
    bad = sum(text.count("\ufffd") for text in texts)
    return texts if bad <= 0.02 * sum(map(len, texts)) else None


def _alphabet_score(texts: list[str], alphabet: Alphabet) -> float:
    foreign = [letter for text in texts for letter in text if not letter.isascii()]
    worth = sum(
        _SYMBOL_WORTH if letter in SYMBOLS else letter.lower()[0] in alphabet.letters or letter.lower() == "ß"
        for letter in foreign
    )
    words = [word for text in texts for word in _WORD.findall(text) if not word.isascii()]
    torn = sum(len(pattern.findall(text)) for text in texts for pattern in (_TORN_WORD, _TORN_THAI))
    fitting = sum(_reads_well(word, alphabet) for word in words) - torn
    return worth / max(1, len(foreign)) * (0.5 + 0.5 * fitting / len(words) if words else 1.0)


def _reads_well(word: str, alphabet: Alphabet) -> bool:
    """Whether the letters could be a word: of one script, with capitals at its beginning alone or throughout."""
    has_fitting_case = word[1:].islower() or word.isupper() or word.upper() == word.lower() or len(word) == 1
    if alphabet.is_latin or not has_fitting_case:
        return has_fitting_case
    if any(letter < "\u0250" for letter in word) or _is_out_of_place(word):
        return False
    needed = _needed_letters(word[0])
    return needed is None or len(word) < 3 or word.isupper() or not needed.isdisjoint(word.lower())


def _is_out_of_place(word: str) -> bool:
    """Whether a letter stands where its script never has it: as others do where text is read in a wrong encoding."""
    if "\u0590" <= word[0] <= "\u06ff":
        return not _ONLY_LAST.isdisjoint(word[:-1])
    is_thai = "\u0e00" <= word[0] <= "\u0e7f"
    return word[0] in _NEVER_FIRST or (is_thai and len(word) >= _SOME_LETTERS and _THAI_VOWELS.isdisjoint(word))


def _needed_letters(letter: str) -> frozenset[str] | None:
    if "\u0400" <= letter <= "\u04ff":
        return _CYRILLIC_VOWELS
    return _GREEK_ACCENTED if "\u0370" <= letter <= "\u03ff" else None


def _east_asian_score(phrases: list[bytes], ideographs: Ideographs) -> float:
    """The share of characters that are common; nothing if they are no such text at all."""
    texts = [phrase.decode(ideographs.encoding, errors="replace") for phrase in phrases]
    foreign = [letter for text in texts for letter in text.removesuffix("\ufffd") if not letter.isascii()]
    common = sum(letter in EAST_ASIAN_SIGNS or ideographs.is_common(letter) for letter in foreign)
    torn = sum(len(_ASCII_BEFORE.findall(text)) for text in texts)
    return (common - torn) / max(1, len(foreign))
