"""Rows of the width that a dialect asks for: what a trailing delimiter adds to each row is taken away again."""

from dataclasses import dataclass, replace

import polars as pl

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.csv_fields import Fields, FieldSplitter, RaggedRow
from stepmill.etl.readers.csv_records import CsvMarks, Records
from stepmill.etl.readers.csv_spaces import SpacesBeforeQuotes


@dataclass(frozen=True)
class Rows:
    """The rows of a text by its columns' names, which of its records they are, and the records that don't fit."""

    frame: pl.DataFrame
    indexes: pl.Series
    ragged: list[RaggedRow]

    @property
    def records(self) -> int:
        """How many records the text has."""
        return self.frame.height + len(self.ragged)


class RowSplitter:
    """Splits text in UTF-8 that consists of whole records into rows."""

    def __init__(self, source: SourceFormat, marks: CsvMarks, max_ragged: int) -> None:
        self._columns = list(source.columns)
        self._has_trailing = source.trailing_delimiter
        self._width = len(self._columns) + self._has_trailing
        self._spaces = SpacesBeforeQuotes(marks) if marks.skip_initial_space else None
        self._fields = FieldSplitter(self._width, marks, max_ragged)
        self._narrow = FieldSplitter(len(self._columns), marks, max_ragged)

    @property
    def delimiters(self) -> int:
        """How many delimiters a full row has."""
        return self._width - 1

    def split_unquoted(self, text: bytes) -> Rows | None:
        """As ``FieldSplitter.split_unquoted``; None also if a row does not end as it should."""
        frame = self._fields.split_unquoted(text)
        if frame is None or (self._has_trailing and not _is_empty(frame)):
            return None
        return Rows(self._named(frame), _numbers(frame.height), [])

    def split_simple(self, text: bytes) -> Rows | None:
        """The rows of any text; None if it takes the records to sort out which rows fit."""
        found = self._split_fields(text)
        if self._has_trailing and (found.ragged or not _is_empty(found.frame)):
            return None
        indexes = _numbers(found.records)
        if found.ragged:
            indexes = indexes.filter(~indexes.is_in([row.index for row in found.ragged]))
        return Rows(self._named(found.frame), indexes, found.ragged)

    def split(self, text: bytes, records: Records) -> Rows:
        """The rows of any text, which is that of ``records`` in UTF-8. Raises TooManyRaggedRowsError."""
        simple = self.split_simple(text)
        return simple if simple is not None else self._sort_out(text, records)

    def _sort_out(self, text: bytes, records: Records) -> Rows:
        """Some rows lack the trailing delimiter, which does no harm; others have something behind it."""
        found = self._split_fields(text)
        short = {row.index for row in found.ragged if row.fields == len(self._columns)}
        indexes = _numbers(found.records)
        indexes = indexes.filter(~indexes.is_in([row.index for row in found.ragged]))
        is_empty = found.frame.to_series(self._width - 1) == ""
        ragged = [row for row in found.ragged if row.index not in short]
        ragged.extend(
            RaggedRow(index, self._width, records.record(index).decode(errors="backslashreplace"))
            for index in indexes.filter(~is_empty).to_list()
        )
        frames = [self._named(found.frame.filter(is_empty))]
        kept = [indexes.filter(is_empty)]
        if short:
            lines = "\n".join(row.text for row in found.ragged if row.index in short)
            frames.append(self._named(self._narrow.split(lines.encode()).frame))
            kept.append(pl.Series(sorted(short), dtype=indexes.dtype))
        all_indexes = pl.concat(kept)
        order = all_indexes.arg_sort()
        ragged.sort(key=lambda row: row.index)
        return Rows(pl.concat(frames)[order], all_indexes.gather(order), ragged)

    def _split_fields(self, text: bytes) -> Fields:
        return self._fields.split(text if self._spaces is None else self._spaces.removed_from(text))

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self._has_trailing and frame.width == self._width:
            frame = frame.drop(frame.columns[-1])
        frame.columns = self._columns
        return frame


def without_blank(rows: Rows) -> Rows:
    """Lines of nothing but white space are blank, and no records, where a row has several fields."""
    if rows.frame.width < 2:
        return rows
    return replace(rows, ragged=[row for row in rows.ragged if row.text.strip()])


def _is_empty(frame: pl.DataFrame) -> bool:
    return bool((frame.to_series(frame.width - 1) == "").all())


def _numbers(count: int) -> pl.Series:
    return pl.int_range(count, dtype=pl.UInt32, eager=True)
