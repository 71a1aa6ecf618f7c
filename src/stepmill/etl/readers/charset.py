"""Which encoding the bytes of a file are in."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from charset_normalizer import from_bytes

from stepmill.etl.plan.source import canonical_encoding
from stepmill.etl.readers.encoding import encoding_by_bom
from stepmill.etl.readers.survey import Survey

# In order of preference where the evidence is even: the first is by far the most common.
_LATIN = (
    *("cp1252", "cp1250", "cp1254", "iso8859-15", "iso8859-2", "iso8859-9", "cp1257"),
    *("cp850", "cp437", "cp852", "mac-roman", "iso8859-1"),
)
_OTHER = (
    *("cp1251", "koi8-r", "cp866", "iso8859-5", "cp1253", "iso8859-7", "cp1255", "cp1256", "mac-cyrillic"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
_MAX_CHAOS = 0.4
_MAX_SAMPLE = 64 * 1024
_MAX_JUDGED = 500


@dataclass(frozen=True)
class Charset:
    """An encoding and how sure that is."""

    encoding: str
    reason: str
    is_guess: bool = False


def choose_charset(survey: Survey) -> Charset:
    """By byte order mark, by the pattern of zero bytes, by UTF-8's rules; failing all these, by what reads best."""
    head = survey.head
    if (by_bom := encoding_by_bom(head)) is not None:
        return Charset(by_bom, "byte order mark")
    if (by_zeros := _by_zeros(head)) is not None:
        return Charset(by_zeros, "every other byte is zero")
    if survey.utf8_errors == 0:
        return Charset("utf-8", "ASCII" if survey.is_ascii else "valid throughout")
    if survey.utf8_characters >= survey.utf8_errors:  # other text hardly ever looks like UTF-8
        return Charset("utf-8", "valid but for some places")
    return _by_words(survey.words)


def _by_zeros(head: bytes) -> str | None:
    sample = head[: 4096 - len(head) % 2]
    if len(sample) < 2 or b"\x00" not in sample:
        return None
    pairs = len(sample) // 2
    even, odd = sample[0::2].count(0) / pairs, sample[1::2].count(0) / pairs
    if odd > 0.4 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.1 else None


def _by_words(words: set[bytes]) -> Charset:
    sample = b"\n".join(sorted(words))[:_MAX_SAMPLE]
    beyond_ascii = len(re.findall(rb"[\x80-\xff]", sample))
    letters = beyond_ascii + len(re.findall(rb"[A-Za-z]", sample))
    candidates = _LATIN if beyond_ascii < 0.6 * letters else _OTHER
    found = {
        canonical_encoding(encoding): (match.chaos, match.coherence)
        for match in from_bytes(
            sample,
            cp_isolation=list(candidates),
            threshold=_MAX_CHAOS,
            enable_fallback=False,
            preemptive_behaviour=False,
        )
        for encoding in match.could_be_from_charset
    }
    ranked = [encoding for encoding in candidates if encoding in found] or [candidates[0]]
    plausible = {encoding: _share_of_plausible_words(sample, encoding) for encoding in ranked}
    best = max(plausible.values())
    ranked = [encoding for encoding in ranked if plausible[encoding] >= best - 0.02]
    coherence = {encoding: found.get(encoding, (0.0, 0.0))[1] for encoding in ranked}
    most = max(coherence.values())
    chosen = next(encoding for encoding in ranked if coherence[encoding] >= most - 0.1)
    return Charset(chosen, "reads best, by its words", is_guess=True)


def _share_of_plausible_words(sample: bytes, encoding: str) -> float:
    """How many words look like words: letters of one script, capitals only where capitals go."""
    words = re.findall(r"[^\W\d_]+|[^\s]", sample.decode(encoding, errors="replace"))[: _MAX_JUDGED * 4]
    words = [word for word in words if not word.isascii()][:_MAX_JUDGED]
    return sum(map(_is_plausible, words)) / len(words) if words else 0.0


def _is_plausible(word: str) -> bool:
    if not word.isalpha():
        return word in "’‘“”„«»–—…€£§°·¿¡ºª½¼²³×®©™・、。「」（），：\xa0"
    has_fitting_case = word.islower() or word.isupper() or word.istitle() or not (word.upper() != word.lower())
    scripts = Counter(unicodedata.name(letter, "?").split()[0] for letter in word)
    return has_fitting_case and len(scripts) == 1
