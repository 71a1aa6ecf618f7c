"""JSON records, already told apart, as rows: what can't be decoded, is too large or is no object is rejected."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.encoding import readable, to_utf8
from stepmill.etl.readers.json_scan import Scanned
from stepmill.etl.readers.json_values import FieldNames, read_json_lines
from stepmill.etl.readers.rejects import reject_record


@dataclass(frozen=True)
class JsonBlock:
    """The first ``count`` of some records: rows with their lines, and rejects with their indexes, both in order."""

    frame: pl.DataFrame
    lines: pl.Series
    rejects: list[tuple[int, Reject]]
    count: int


class JsonRecordReader:
    """Makes rows of records. A block with many rejects is made smaller, since each reject is a Python object."""

    def __init__(self, columns: tuple[str, ...], encoding: str, record_bytes: int, max_rejects: int) -> None:
        self._fields = FieldNames(columns)
        self._encoding = encoding
        self._limit = record_bytes
        self._max_rejects = max_rejects
        self._batch: int | None = None

    def read(self, records: Sequence[bytes], numbers: Sequence[int], scanned: Scanned | None = None) -> JsonBlock:
        """What the first of these records give, none of which is blank; ``numbers`` are the lines they begin on.

        ``scanned``: the same records, if their marks are known.
        """
        count = min(self._batch or len(records), len(records))
        while True:
            found = self._read(records[:count], numbers[:count], scanned if count == len(records) else None)
            if len(found.rejects) <= self._max_rejects:
                break
            count = self._batch = self._max_rejects
        if self._batch and not found.rejects:
            self._batch *= 2
        return found

    def _read(self, records: Sequence[bytes], numbers: Sequence[int], scanned: Scanned | None) -> JsonBlock:
        rejects: list[tuple[int, Reject]] = []
        indexes: Sequence[int] = range(len(records))
        text = to_utf8(b"\n".join(records), self._encoding)
        if text is None or max(map(len, records), default=0) > self._limit:
            recoded = {index: self._in_utf8(record) for index, record in enumerate(records)}
            rejects = [(i, self._reject(records[i], numbers[i])) for i, utf8 in recoded.items() if utf8 is None]
            good = {index: utf8 for index, utf8 in recoded.items() if utf8 is not None}
            indexes, text = list(good), b"\n".join(good.values())
            numbers, scanned = [numbers[index] for index in indexes], None
        found = read_json_lines(text, numbers, self._fields, scanned)
        rejects.extend((indexes[index], reject) for index, reject in found.rejects)
        rejects.sort(key=lambda indexed: indexed[0])
        lines = pl.Series(numbers, dtype=pl.UInt64).gather(found.indexes)
        return JsonBlock(found.frame, lines, rejects, len(records))

    def _in_utf8(self, record: bytes) -> bytes | None:
        """The record in UTF-8; None if it is too large, or can't be decoded."""
        return to_utf8(record, self._encoding) if len(record) <= self._limit else None

    def _reject(self, record: bytes, number: int) -> Reject:
        text = readable(record, self._encoding)
        if len(record) > self._limit:
            return reject_record("record_too_large", number, text, cut_off=True)
        return reject_record("bad_encoding", number, text, encoding=self._encoding)
