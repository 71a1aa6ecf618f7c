"""Splits CSV records into fields, all of them text.

Measured on one core of a 2.4 GHz EPYC, in blocks of 8 MiB of 13 columns, hot: ``pyarrow.csv`` with an
``invalid_row_handler`` 320 MB/s, 240 with the hand-over to Polars; ``polars.read_csv`` 240, without quotes 330. Polars
takes a row with too few fields for one with empty fields at its end, and has its own idea of stray quotes. So it gets
the text that has no quotes and exactly the delimiters that full rows have, which is counted at 15 GB/s; Arrow the rest.
"""

from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from stepmill.etl.readers.csv_records import CsvMarks


@dataclass(frozen=True)
class RaggedRow:
    """A row with another number of fields than the others; ``index`` counts from 0 over all records of the text."""

    index: int
    fields: int
    text: str


@dataclass(frozen=True)
class Fields:
    """The rows of a text, and those that don't fit."""

    frame: pl.DataFrame
    ragged: list[RaggedRow]

    @property
    def records(self) -> int:
        """How many records the text has."""
        return self.frame.height + len(self.ragged)


class TooManyRaggedRowsError(Exception):
    """The text has so many rows that don't fit that it should be read in smaller parts."""

    def __init__(self, before: int) -> None:
        super().__init__(before)
        self.before = before  # this many records come before the one that was too many


class FieldSplitter:
    """Splits records of a known number of fields. Columns are named by their numbers."""

    def __init__(self, width: int, marks: CsvMarks, max_ragged: int) -> None:
        self._marks = marks
        self._max_ragged = max_ragged
        self._names = [str(number) for number in range(width)]
        self._schema = dict.fromkeys(self._names, pl.String())
        self._convert = pa_csv.ConvertOptions(
            check_utf8=False,  # done before, with the line known
            column_types=dict.fromkeys(self._names, pa.string()),
            strings_can_be_null=False,
        )

    def empty(self) -> pl.DataFrame:
        """A frame with the columns and no rows."""
        return pl.DataFrame(schema=self._schema)

    def split_unquoted(self, text: bytes) -> pl.DataFrame | None:
        """The rows of a text without quotes, escapes, blank lines and lone CRs, with the right number of delimiters."""
        try:
            return pl.read_csv(
                text,
                has_header=False,
                schema=self._schema,
                separator=self._marks.delimiter,
                quote_char=None,
                empty_string_is_null=False,
                extra_columns="raise",
            )
        except pl.exceptions.PolarsError:
            return None  # one row has a field too many, another one too few

    def split(self, text: bytes) -> Fields:
        """The rows of any text in UTF-8 that consists of whole records. Raises TooManyRaggedRowsError."""
        if not text:
            return Fields(self.empty(), [])
        ragged: list[RaggedRow] = []
        overflow: list[int] = []

        def collect(row: pa_csv.InvalidRow) -> str:
            if len(ragged) >= self._max_ragged:
                overflow.append(row.number - 1)
                return "error"
            ragged.append(RaggedRow(row.number - 1, row.actual_columns, row.text))
            return "skip"

        try:
            table = pa_csv.read_csv(
                pa.BufferReader(text),
                read_options=pa_csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=self._names),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._marks.delimiter,
                    quote_char=self._marks.quote or False,
                    escape_char=self._marks.escape or False,
                    newlines_in_values=True,
                    invalid_row_handler=collect,
                ),
                convert_options=self._convert,
            )
        except pa.ArrowInvalid:
            if overflow:
                raise TooManyRaggedRowsError(overflow[0]) from None
            raise
        frame = pl.from_arrow(table)
        if not isinstance(frame, pl.DataFrame):
            raise TypeError("a table makes a frame")
        return Fields(frame, ragged)
