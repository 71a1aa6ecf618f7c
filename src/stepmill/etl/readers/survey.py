"""One look over all bytes of a file: what encoding they can be in, and samples from all of it.

Deciding from the beginning alone goes wrong on files whose first umlaut comes after 90 MB. Plain ASCII passes here at
gigabytes a second, so looking at everything costs little.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from stepmill.etl.readers.compression import Packing, open_bytes
from stepmill.etl.readers.csv_records import byte_series
from stepmill.gateways.blobs import BlobLocation

_CHUNK = 1024 * 1024
_HEAD = 1024 * 1024
_LONG_HEAD = 4 * 1024 * 1024  # where records, or what stands before them, are as long as the limit allows
_FEW_LINES = 3
_SAMPLE = 16 * 1024
_MAX_SAMPLES = 32
_MAX_ERRORS_PER_CHUNK = 200
_MAX_PHRASES_PER_CHUNK = 100
_MAX_PHRASES = 20_000
_FOREIGN = re.compile(rb"[\x80-\xff][^\x00-\x1f\",;]{0,59}")
_LETTERS_BEFORE = re.compile(rb"[A-Za-z]*\Z")


@dataclass(frozen=True)
class Sample:
    """Some bytes of the file, after decompression."""

    offset: int
    data: bytes


@dataclass
class Survey:
    """What a look over the whole file found."""

    head: bytes = b""
    after_head: bytes = b""
    """What follows the head, kept where hardly a line ends in it."""
    samples: list[Sample] = field(default_factory=list)
    text_bytes: int = 0
    stored_bytes: int = 0
    utf8_characters: int = 0
    """How many characters beyond ASCII are well-formed UTF-8."""
    utf8_errors: int = 0
    """How many places are not, of which not all are counted."""
    phrases: set[bytes] = field(default_factory=set)
    """Some words with bytes beyond ASCII, from all over the file."""

    @property
    def is_ascii(self) -> bool:
        """Whether there are no bytes beyond ASCII."""
        return self.utf8_characters == 0 and self.utf8_errors == 0

    @property
    def is_whole(self) -> bool:
        """Whether ``head`` is all there is."""
        return self.text_bytes == len(self.head)


def survey_file(location: BlobLocation, packing: Packing) -> Survey:
    """Look over all of the text. Raises DataError where it can't be unpacked."""
    survey = Survey()
    thinning = _Thinning(survey)
    buffer = bytearray(_CHUNK)
    rest = b""
    with open_bytes(location, packing) as stream:
        while count := stream.read_into(memoryview(buffer)):
            chunk = bytes(memoryview(buffer)[:count])
            if not survey.text_bytes:
                survey.head = chunk[:_HEAD]
            elif _wants_more(survey):
                survey.after_head += chunk
            thinning.offer(survey.text_bytes, chunk)
            survey.text_bytes += count
            rest = _look_at(survey, rest + chunk if rest else chunk, at_end=count < len(buffer))
        survey.stored_bytes = stream.stored_position
    if rest:
        _look_at(survey, rest, at_end=True)
    return survey


def _wants_more(survey: Survey) -> bool:
    """Whether everything so far was kept, and more is needed to see a row."""
    kept = len(survey.head) + len(survey.after_head)
    if kept != survey.text_bytes or kept >= _LONG_HEAD:
        return False
    return sum(part.count(end) for part in (survey.head, survey.after_head) for end in (b"\n", b"\r")) < _FEW_LINES


class _Thinning:
    """Keeps samples that are spread evenly, however long the file turns out to be."""

    def __init__(self, survey: Survey) -> None:
        self._samples = survey.samples
        self._every = 1
        self._seen = 0

    def offer(self, offset: int, chunk: bytes) -> None:
        if self._seen % self._every == 0:
            self._samples.append(Sample(offset, chunk[:_SAMPLE]))
            if len(self._samples) > _MAX_SAMPLES:
                del self._samples[1::2]
                self._every *= 2
        self._seen += 1


def _look_at(survey: Survey, chunk: bytes, *, at_end: bool) -> bytes:
    """Count, and return what may be the beginning of a character that goes on in the next chunk."""
    if chunk.isascii():
        return b""
    whole = len(chunk) if at_end else _last_character(chunk)
    _count_utf8(survey, chunk[:whole])
    if survey.utf8_errors and len(survey.phrases) < _MAX_PHRASES:
        survey.phrases.update(islice(_phrases(chunk), _MAX_PHRASES_PER_CHUNK))
    return chunk[whole:]


def _phrases(chunk: bytes) -> Iterator[bytes]:
    for match in _FOREIGN.finditer(chunk):
        before = chunk[max(0, match.start() - 20) : match.start()]
        letters = _LETTERS_BEFORE.search(before)
        yield (letters[0] if letters else b"") + match[0]


def _count_utf8(survey: Survey, chunk: bytes) -> None:
    view = memoryview(chunk)
    begin = 0
    for _ in range(_MAX_ERRORS_PER_CHUNK):
        try:
            codecs.utf_8_decode(view[begin:], "strict", True)
        except UnicodeDecodeError as error:
            survey.utf8_errors += 1
            survey.utf8_characters += _leading_bytes(chunk[begin : begin + error.start])
            begin += error.end
        else:
            survey.utf8_characters += _leading_bytes(chunk[begin:])
            return


def _leading_bytes(text: bytes) -> int:
    return 0 if text.isascii() else int((byte_series(text) >= 0xC2).sum())


def _last_character(chunk: bytes) -> int:
    """Where the last character begins, if it is one of several bytes."""
    for back in range(1, min(4, len(chunk)) + 1):
        byte = chunk[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            return len(chunk) - back
    return len(chunk)
