"""Takes away the spaces that stand before quotes, for splitters that take such a quote for data."""

import re

from stepmill.etl.readers.csv_records import CsvMarks


class SpacesBeforeQuotes:
    """Finds them by the rules of ``quoting.py``: inside quotes, spaces are data, and so they are in fields without."""

    def __init__(self, marks: CsvMarks) -> None:
        self._quote = marks.quote.encode() if marks.quote else None
        d = re.escape(marks.delimiter.encode())
        e = re.escape(marks.escape.encode()) if marks.escape else b""
        escaped = rb"|" + e + rb"." if e else b""
        rest = rb"(?:[^\r\n" + d + e + rb"]++" + escaped + rb")*+"
        q = re.escape(self._quote) if self._quote else rb"(?!)"
        inside = rb"(?:[^" + q + e + rb"]++|" + q + q + escaped + rb")*+" if self._quote else b""
        enclosed = rb" *+(" + q + inside + rb"(?:" + q + rest + rb")?)"
        self._fields = re.compile(rb"(" + d + rb"|\A|[\r\n])(?:" + enclosed + rb"|(" + rest + rb"))", re.DOTALL)

    def removed_from(self, text: bytes) -> bytes:
        """The text, which consists of whole records, without them."""
        if self._quote is None or b" " + self._quote not in text:
            return text
        return self._fields.sub(rb"\1\2\3", text)
