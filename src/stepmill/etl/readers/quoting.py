"""Where a line leaves a CSV reader: between records, or inside a field that goes on in the next line.

A quote opens a field only at its very beginning and is data elsewhere in a field that has none there; a doubled one
stands for itself. Behind the closing one may be blanks (spaces and tabs), which belong to the field as they do for
Python's ``csv`` and for Arrow. Anything else there means that some quote is missing or too many: these readers would
take it for data as well, and what was meant as the next row with it.
"""

import re
from enum import Enum


class State(Enum):
    """Between two physical lines, or why there is no telling."""

    CLOSED = "between records"
    QUOTED = "inside quotes"
    ESCAPED = "inside a field without quotes whose line end was escaped"
    STRAY = "behind a closing quote that neither a delimiter nor the line end follows"


class LineGrammar:
    """Tells the state after a line from the state before it."""

    def __init__(
        self, delimiter: str, quote: str | None, escape: str | None, *, skip_initial_space: bool = False
    ) -> None:
        d = re.escape(delimiter.encode())
        spaces = rb" *+" if skip_initial_space else b""
        next_field = d + spaces
        e = re.escape(escape.encode()) if escape else b""
        escaped = b"|" + e + b"." if escape else b""
        rest = rb"(?:[^" + d + e + rb"]++" + escaped + rb")*+"  # of a field, when quotes have no meaning any more
        tail = rb"(?P<escaped>" + e + rb")?\Z" if escape else rb"(?P<escaped>(?!))?\Z"
        if quote:
            q = re.escape(quote.encode())
            inside = rb"(?:[^" + q + e + rb"]++|" + q + q + escaped + rb")*+"
            blanks = b"".join(re.escape(blank) for blank in (b" ", b"\t") if blank != delimiter.encode())
            behind = q + rb"[" + blanks + rb"]*+(?=" + d + rb"|\Z)"
            field = rb"(?:" + q + inside + behind + rb"|(?!" + q + rb")" + rest + rb")"
            fields = rb"(?:" + next_field + field + rb")*+"
            opened = next_field + rb"(?P<opened>" + q + inside + rb")"
            first = (
                spaces + rb"(?:" + field + fields + rb"(?:" + opened + rb")?|(?P<opened_first>" + q + inside + rb"))"
            )
            closing = inside + rb"(?P<closed>" + behind + fields + rb"(?:" + opened + rb")?)?"
        else:
            field = rest
            fields = rb"(?:" + d + rest + rb")*+"
            opened = rb"(?!)"
            first = rest + fields
            closing = rb"(?P<closed>)" + rest + fields  # not come to
        self._whole_field = re.compile(spaces + field + d, re.DOTALL)
        self._last_field = re.compile(spaces + field + rb"(?:" + e + rb")?", re.DOTALL)
        following = rest + fields + rb"(?:" + opened + rb")?"
        self._patterns = {
            State.CLOSED: re.compile(first + tail, re.DOTALL),
            State.QUOTED: re.compile(closing + tail, re.DOTALL),
            State.ESCAPED: re.compile(following + tail, re.DOTALL),
        }

    def after(self, before: State, text: bytes | bytearray, begin: int, end: int, *, crlf: bool) -> State:
        """The state after the line ``text[begin:end]`` (without its end), which ends in CR LF if ``crlf``."""
        match = self._patterns[before].match(text, begin, end)
        if match is None:
            return State.STRAY
        groups = match.groupdict()
        if before is State.QUOTED and groups["closed"] is None:
            return State.QUOTED
        if groups.get("opened") is not None or groups.get("opened_first") is not None:
            return State.QUOTED
        # An escape takes one character: of CR LF the CR, and the LF then ends the record.
        return State.ESCAPED if groups["escaped"] is not None and not crlf else State.CLOSED

    def field_at(self, record: bytes, place: int) -> int:
        """The number, from 0, of the field of a record that ``place`` is in, or of the first that its quotes spoil."""
        number = position = 0
        while (match := self._whole_field.match(record, position)) is not None and match.end() <= place:
            number, position = number + 1, match.end()
        return number

    def fields(self, record: bytes, limit: int) -> tuple[list[bytes], bool]:
        """The first fields of a record as they stand there, quotes and all, and whether quotes spoil the last of them.

        A field that its quotes spoil goes on to the end of the record.
        """
        found: list[bytes] = []
        position = 0
        while len(found) < limit:
            match = self._whole_field.match(record, position)
            if match is None:
                found.append(record[position:])
                return found, self._last_field.fullmatch(record, position) is None
            found.append(record[position : match.end() - 1])
            position = match.end()
        return found, False
