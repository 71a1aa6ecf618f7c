"""Takes away the spaces that begin fields, which no splitter does by itself."""

import re

from stepmill.etl.readers.csv_records import CsvMarks


class InitialSpaces:
    """Finds them by the rules of ``quoting.py``: inside quotes, spaces are data.

    A line of nothing but spaces keeps them: it is blank, and stays one record for whoever counts.
    """

    def __init__(self, marks: CsvMarks) -> None:
        d = re.escape(marks.delimiter.encode())
        e = re.escape(marks.escape.encode()) if marks.escape else b""
        escaped = rb"|" + e + rb"." if e else b""
        rest = rb"(?:[^\r\n" + d + e + rb"]++" + escaped + rb")*+"
        field = rest
        if marks.quote:
            q = re.escape(marks.quote.encode())
            inside = rb"(?:[^" + q + e + rb"]++|" + q + q + escaped + rb")*+"
            field = rb"(?:" + q + inside + rb"(?:" + q + rest + rb")?|(?!" + q + rb")" + rest + rb")"
        before = rb"(?:(" + d + rb") *+|(\A|[\r\n])(?: ++(?![\r\n]|\Z))?+)"
        self._fields = re.compile(before + rb"(" + field + rb")", re.DOTALL)

    def removed_from(self, text: bytes) -> bytes:
        """The text, which consists of whole records, without them."""
        return self._fields.sub(rb"\1\2\3", text) if b" " in text else text
