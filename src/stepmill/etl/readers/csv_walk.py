"""The closer look at CSV text: line by line through those that hold a quote or an escape.

A record that stays open for longer than the limit, or to the end of the file, or that has something behind a closing
quote, costs its first line and no more: reading is taken up at the next. The outcome depends on the text alone and
never on where a window begins or ends.
"""

from bisect import bisect_left
from itertools import pairwise

import polars as pl

from stepmill.etl.readers.csv_records import (
    CARRIAGE_RETURN,
    LINE_FEED,
    CsvMarks,
    Fault,
    Lines,
    Records,
    starts_of,
)
from stepmill.etl.readers.quoting import LineGrammar, State

_RECORD, _CONTINUED, _COMMENT, _FAULT = range(4)


class LineWalk:
    """One walk over the lines of a window."""

    def __init__(self, lines: Lines, marks: CsvMarks, grammar: LineGrammar, record_bytes: int, max_faults: int) -> None:
        self._lines = lines
        self._text = lines.text
        self._ends: list[int] = lines.ends.to_list()
        self._grammar = grammar
        self._limit = record_bytes
        self._max_faults = max_faults
        self._special = _lines_with(lines, [marks.quote, marks.escape])
        self._comments = _lines_beginning_with(lines, marks.comment)
        self._kinds = bytearray(len(self._ends))
        self._faults: list[Fault] = []
        self._jumps: dict[tuple[int, State], tuple[int, State]] = {}

    def records(self) -> Records:
        """The records that end in the window."""
        return self._gather(self._walk())

    def _walk(self) -> int:
        """Mark what each line is; returns how many lines are decided."""
        free = 0  # the first line that can begin a record
        for line in sorted({*self._special, *self._comments, *self._overlong()}):
            if line < free:
                continue
            if line in self._comments:
                self._kinds[line] = _COMMENT
                continue
            last = self._last_line(line)
            if last is None:
                return line
            self._kinds[line + 1 : last + 1] = bytes([_CONTINUED]) * (last - line)
            free = last + 1
            if len(self._faults) >= self._max_faults:
                return free
        return len(self._ends)

    def _last_line(self, line: int) -> int | None:
        """The line on which the record ends that begins here, or turns out a fault; None if more text decides."""
        if self._ends[line] - self._begin(line) > self._limit:
            return self._fault("record_too_large", line)
        state = self._after(State.CLOSED, line)
        if state is State.CLOSED:
            return line
        if state is State.STRAY:
            return self._fault("stray_quote", line)
        last = self._close(line, state)
        if last is not None:
            return last
        if not self._lines.at_end and len(self._text) - self._begin(line) <= self._limit:
            return None
        return self._fault("unclosed_quote", line)

    def _close(self, first: int, state: State) -> int | None:
        """The line on which the record that is open after ``first`` ends, if that is known and within the limit.

        That is ``first`` if it turns out a fault.
        """
        begin, line = self._begin(first), first + 1
        seen = []
        after = None
        while True:
            if state is State.QUOTED:
                line = self._next_special(line)
            if line >= len(self._ends):
                if self._lines.at_end and state is State.ESCAPED:
                    return len(self._ends) - 1
                break
            if self._ends[line] - begin > self._limit:
                break
            seen.append((line, state))
            if (jump := self._jumps.get((line, state))) is not None:
                line, state = jump
                continue
            after = self._after(state, line)
            if after is State.CLOSED:
                return line
            if after is State.STRAY:
                break
            line, state = line + 1, after
        # Whoever comes by again comes to the same place: so a file full of open quotes takes no longer than others.
        self._jumps.update((place, (line, state)) for place in seen if place != (line, state))
        return self._fault("stray_quote", first) if after is State.STRAY else None

    def _fault(self, code: str, line: int) -> int:
        self._kinds[line] = _FAULT
        self._faults.append(Fault(code, line, self._begin(line), self._ends[line]))
        return line

    def _after(self, before: State, line: int) -> State:
        begin, end = self._begin(line), self._ends[line]
        crlf = end - begin >= 2 and self._text[end - 2 : end] == b"\r\n"
        if crlf:
            end -= 2
        elif end > begin and self._text[end - 1] in (LINE_FEED, CARRIAGE_RETURN):
            end -= 1
        return self._grammar.after(before, self._text, begin, end, crlf=crlf)

    def _begin(self, line: int) -> int:
        return self._ends[line - 1] if line else 0

    def _next_special(self, line: int) -> int:
        index = bisect_left(self._special, line)
        return self._special[index] if index < len(self._special) else len(self._ends)

    def _overlong(self) -> list[int]:
        return ((self._lines.ends - self._lines.starts) > self._limit).arg_true().to_list()

    def _gather(self, line_count: int) -> Records:
        kinds = pl.Series(list(self._kinds[:line_count]), dtype=pl.UInt8)
        line_starts = self._lines.starts.head(line_count)
        consumed = self._ends[line_count - 1] if line_count else 0
        is_blank = self._lines.data.gather(line_starts).is_in([LINE_FEED, CARRIAGE_RETURN])
        first_lines = ((kinds == _RECORD) & ~is_blank).arg_true()
        offsets = line_starts.gather(first_lines)
        if kinds.is_in([_COMMENT, _FAULT]).any():
            text, starts = self._cut_out(kinds, first_lines, consumed)
        else:
            text, starts = self._text[:consumed], offsets
        return Records(text, starts, offsets, first_lines, self._faults, consumed, line_count)

    def _cut_out(self, kinds: pl.Series, first_lines: pl.Series, consumed: int) -> tuple[bytes, pl.Series]:
        """The good records alone."""
        heads = (kinds != _CONTINUED).arg_true().to_list()
        following = dict(pairwise(heads))
        pieces = []
        for line in first_lines.to_list():
            end = self._begin(following[line]) if line in following else consumed
            pieces.append(self._text[self._begin(line) : end])
        return b"".join(pieces), starts_of(pieces)


def _lines_with(lines: Lines, marks: list[str | None]) -> list[int]:
    """The lines that hold one of these characters."""
    codes = [ord(mark) for mark in marks if mark]
    places = lines.data.is_in(codes).arg_true()
    found = lines.ends.search_sorted(places, side="right").unique(maintain_order=True)
    return found.filter(found < len(lines.ends)).to_list()


def _lines_beginning_with(lines: Lines, comment: str | None) -> frozenset[int]:
    if comment is None:
        return frozenset()
    return frozenset((lines.data.gather(lines.starts) == ord(comment)).arg_true().to_list())
