"""JSON records, already told apart, as rows: what can't be decoded, is too large or is no object is rejected."""

from dataclasses import dataclass
from itertools import islice

import polars as pl

from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.encoding import readable, to_utf8, undecodable_records
from stepmill.etl.readers.json_values import FieldNames, JsonRows, read_json_lines
from stepmill.etl.readers.rejects import reject_record


@dataclass(frozen=True)
class JsonText:
    """Some records, one a line and none blank. ``begins`` and ``ends`` are their places in ``text``."""

    text: bytes
    begins: list[int]
    ends: list[int]
    numbers: list[int]  # the lines of the file on which they begin

    def head(self, count: int) -> "JsonText":
        """The first records."""
        if count >= len(self.begins):
            return self
        return JsonText(self.text[: self.ends[count - 1]], self.begins[:count], self.ends[:count], self.numbers[:count])

    def without(self, indexes: set[int]) -> "JsonText":
        """All but these."""
        kept = [index for index in range(len(self.begins)) if index not in indexes]
        return join_records(
            [self.text[self.begins[index] : self.ends[index]] for index in kept],
            [self.numbers[index] for index in kept],
        )


def join_records(records: list[bytes], numbers: list[int]) -> JsonText:
    """Records, which hold no line ends, as one text."""
    begins, ends, position = [], [], 0
    for record in records:
        begins.append(position)
        position += len(record)
        ends.append(position)
        position += 1
    return JsonText(b"\n".join(records), begins, ends, numbers)


class JsonRecordReader:
    """Makes rows of records. A block with many rejects is made smaller, since each reject is a Python object."""

    def __init__(self, columns: tuple[str, ...], encoding: str, record_bytes: int, max_rejects: int) -> None:
        self._fields = FieldNames(columns)
        self._encoding = encoding
        self._limit = record_bytes
        self._max_rejects = max_rejects
        self._batch: int | None = None

    def read(self, text: JsonText) -> tuple[JsonRows, int]:
        """The rows and rejects of the first records, and of how many."""
        count = min(self._batch or len(text.begins), len(text.begins))
        while True:
            found = self._read(text.head(count))
            if len(found.rejects) <= self._max_rejects:
                break
            count = self._batch = self._max_rejects
        if self._batch and not found.rejects:
            self._batch *= 2
        return found, count

    def _read(self, text: JsonText) -> JsonRows:
        rejects: list[Reject] = []
        text = self._drop_undecodable(self._drop_overlong(text, rejects), rejects)
        lines = pl.Series(_split(to_utf8(text.text, self._encoding) or b""), dtype=pl.String)
        found = read_json_lines(lines, pl.Series(text.numbers, dtype=pl.UInt64), self._fields)
        if rejects:
            merged = sorted([*rejects, *found.rejects], key=lambda reject: reject.line)
            found = JsonRows(found.frame, found.lines, merged)
        return found

    def _drop_overlong(self, text: JsonText, rejects: list[Reject]) -> JsonText:
        places = zip(text.begins, text.ends, strict=True)
        overlong = {index for index, (begin, end) in enumerate(places) if end - begin > self._limit}
        for index in overlong:
            shown = readable(text.text[text.begins[index] : text.ends[index]], self._encoding)
            rejects.append(reject_record("record_too_large", text.numbers[index], shown, cut_off=True))
        return text.without(overlong) if overlong else text

    def _drop_undecodable(self, text: JsonText, rejects: list[Reject]) -> JsonText:
        if to_utf8(text.text, self._encoding) is not None:
            return text
        found = undecodable_records(text.text, self._encoding, text.begins)
        bad = set(islice(found, self._max_rejects + 1))
        for index in bad:
            shown = readable(text.text[text.begins[index] : text.ends[index]], self._encoding)
            rejects.append(reject_record("bad_encoding", text.numbers[index], shown, encoding=self._encoding))
        if len(bad) > self._max_rejects:
            return text.head(0) if not text.begins else join_records([], [])
        return text.without(bad)


def _split(text: bytes) -> list[str]:
    return text.decode().split("\n") if text else []
