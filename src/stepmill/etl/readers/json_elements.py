"""The elements of a JSON array, or JSON values one after another, told apart without parsing them.

What is well-formed is told apart for a whole window at once. Where brackets don't match, the elements are gone through
one by one: one that is broken costs what stands before the next line that looks like the beginning of another, which
is as far indented and begins with a brace. What comes of a text depends on the text alone, never on where a window
ends: to be cut at an element's end, or before a line end, leaves nothing to be remembered.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from stepmill.etl.readers.json_scan import (
    CLOSE_ARRAY,
    CLOSE_OBJECT,
    OPEN_ARRAY,
    OPEN_OBJECT,
    Tokens,
    scan_tokens,
    without_escapes,
)

MARKS = b"{}[]:,\n"
MATCHING = {OPEN_OBJECT: CLOSE_OBJECT, OPEN_ARRAY: CLOSE_ARRAY}
MAX_INDENTATION = 200
_SEPARATORS = b" \t\r\n,"
_GAP = re.compile(rb"[ \t\r\n,]*")
_RUN = re.compile(rb'"[^"\n]*"?|[^ \t\r\n,"{\[\]]+')  # a value without brackets, or what might have been one


@dataclass(frozen=True)
class Grammar:
    """How elements are told apart. ``is_inside``: the array is part of a document, and ends with its bracket."""

    encoding: str
    limit: int
    max_faults: int
    is_inside: bool


@dataclass
class Elements:
    """What was found in a text, from its beginning up to ``consumed``."""

    begins: list[int] = field(default_factory=list)
    """Where elements begin that are whole, in order."""
    ends: list[int] = field(default_factory=list)
    """Where they end."""
    faults: list[tuple[int, int]] = field(default_factory=list)
    """Where broken elements begin and end."""
    consumed: int = 0
    has_ended: bool = False
    """Whether the array was closed behind the last element."""
    overlong: tuple[int, bytes | None] | None = None
    """Where an element begins that is longer than the limit, and how far it is indented."""
    tokens: Tokens | None = None
    """The marks up to ``consumed``, if all that stands there is elements and what separates them."""
    lost: int | None = None
    """Where an element begins after which the next can't be told."""

    @property
    def is_empty(self) -> bool:
        """Whether there is neither an element nor a fault."""
        return not self.begins and not self.faults


def split_elements(text: bytes, grammar: Grammar, *, at_end: bool, is_line_start: bool) -> Elements:
    """The elements of a text that begins between two of them, as far as they can be told without what comes after."""
    plain = without_escapes(text, grammar.encoding)
    tokens = scan_tokens(plain, MARKS)
    found = _split_quickly(plain, tokens, grammar.limit)
    return found or _Walk(plain, tokens, grammar, at_end=at_end, is_line_start=is_line_start).elements()


@lru_cache(maxsize=8)
def resumption(indentation: bytes) -> re.Pattern[bytes]:
    """What ends a broken element that is so indented: a line with the next one, or one with a bracket further out."""
    further_out = rb"[ \t]{0,%d}[\]}]" % (len(indentation) - 1) if indentation else rb"(?!)"
    return re.compile(rb"\r?\n(?:" + re.escape(indentation) + rb"\{|" + further_out + rb")")


def _split_quickly(text: bytes, tokens: Tokens, limit: int) -> Elements | None:
    """The elements in front, if each is in brackets that match; None if it takes a closer look."""
    beyond = (tokens.depths < 0).arg_true()
    near = tokens.head(int(beyond[0])) if len(beyond) else tokens
    positions, kinds, depths = near.positions, near.kinds, near.depths
    is_opening = (depths == 1) & ((kinds == OPEN_OBJECT) | (kinds == OPEN_ARRAY))
    is_closing = (depths == 0) & ((kinds == CLOSE_OBJECT) | (kinds == CLOSE_ARRAY))
    begins, ends = positions.filter(is_opening).to_list(), (positions.filter(is_closing) + 1).to_list()
    del begins[len(ends) :]
    if not ends or not _are_plain(text, begins, ends, limit):
        return None
    return Elements(begins, ends, consumed=ends[-1], tokens=near.head(int(positions.search_sorted(ends[-1]))))


def _are_plain(text: bytes, begins: list[int], ends: list[int], limit: int) -> bool:
    """Whether the elements are such, and nothing but separators stands between them."""
    before = 0
    gaps = set()
    for begin, end in zip(begins, ends, strict=True):
        if MATCHING[text[begin]] != text[end - 1] or end - begin > limit:
            return False
        gaps.add(text[before:begin])
        before = end
    return not any(gap.strip(_SEPARATORS) for gap in gaps)


class _Walk:
    """Goes through the elements of a text one by one."""

    def __init__(self, text: bytes, tokens: Tokens, grammar: Grammar, *, at_end: bool, is_line_start: bool) -> None:
        self._text = text
        self._grammar = grammar
        self._at_end = at_end
        self._is_line_start = is_line_start
        self._closings = _matching_ends(tokens)
        self._found = Elements()

    def elements(self) -> Elements:
        """Everything up to where it takes more text to go on."""
        found = self._found
        while len(found.faults) < self._grammar.max_faults:
            begin = self._behind_gap(found.consumed)
            end = self._end_of(begin) if begin is not None else None
            if end is None:
                break
            found.consumed = end
        return found

    def _behind_gap(self, position: int) -> int | None:
        """Where the next element begins; None if there is none, or none in sight."""
        while True:
            match = _GAP.match(self._text, position)
            position = match.end() if match else position
            if position == len(self._text):
                return None
            self._found.has_ended = self._text[position] == CLOSE_ARRAY
            if not self._found.has_ended:
                return position
            if self._grammar.is_inside:
                return None
            position += 1

    def _end_of(self, begin: int) -> int | None:
        """Where the element ends that begins here, whole or broken; None if that can't be told here."""
        if self._text[begin] not in MATCHING:
            return self._end_of_run(begin)
        end = self._closings.get(begin)
        is_whole = end is not None and self._text[end - 1] == MATCHING[self._text[begin]]
        if end is not None and not is_whole and self._text[end - 1] == CLOSE_ARRAY:
            end -= 1  # this one can only be the array's
        if end is not None and end - begin > self._grammar.limit:
            end = None
        if end is not None and is_whole:
            return self._whole(begin, end)
        if self._needs_more(begin):
            return None
        end = self._end_of_broken(begin, end)
        if end is not None:
            self._found.faults.append((begin, end))
        return end

    def _end_of_run(self, begin: int) -> int | None:
        match = _RUN.match(self._text, begin)
        end = min(match.end() if match else begin + 1, begin + self._grammar.limit)
        if end == len(self._text) and self._needs_more(begin):
            return None
        while end < len(self._text) and self._text[end] & 0xC0 == 0x80:  # no character of UTF-8 is cut
            end += 1
        return self._whole(begin, end)

    def _end_of_broken(self, begin: int, end: int | None) -> int | None:
        """``end``: where as many brackets are closed as were opened, though not the same."""
        indentation = self._indentation(begin)
        if indentation is not None:
            match = resumption(indentation).search(self._text, begin, begin + self._grammar.limit)
            if match:
                return match.start()
        if end is None:
            if self._at_end and len(self._text) - begin <= self._grammar.limit:
                return len(self._text)
            self._found.overlong = (begin, indentation)
            return None
        is_before_bracket = self._text[begin] == OPEN_OBJECT
        if is_before_bracket and self._grammar.is_inside and self._indentation(end) is None:
            self._found.lost = begin
            return None
        return end

    def _whole(self, begin: int, end: int) -> int:
        self._found.begins.append(begin)
        self._found.ends.append(end)
        return end

    def _needs_more(self, begin: int) -> bool:
        return not self._at_end and len(self._text) - begin <= self._grammar.limit

    def _indentation(self, begin: int) -> bytes | None:
        """What stands before it on its line; None if that is more than blanks."""
        line = self._text.rfind(b"\n", 0, begin) + 1
        before = self._text[line:begin]
        if (line == 0 and not self._is_line_start) or before.strip(b" \t") or len(before) > MAX_INDENTATION:
            return None
        return before


def _matching_ends(tokens: Tokens) -> dict[int, int]:
    """For each opening bracket, where as many are closed as were opened."""
    ends: dict[int, int] = {}
    still_open: list[int] = []
    for position, kind in zip(tokens.positions.to_list(), tokens.kinds.to_list(), strict=True):
        if kind in MATCHING:
            still_open.append(position)
        elif kind in (CLOSE_OBJECT, CLOSE_ARRAY) and still_open:
            ends[still_open.pop()] = position + 1
    return ends
