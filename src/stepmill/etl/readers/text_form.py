"""How the text is read that a file was written to which can't be read as it is stored."""

from typing import Any

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.workbook import SHEET_DIALECT

_NOT_PACKED: dict[str, Any] = {
    "compression": "none",
    "archive": "none",
    "member": None,
    "member_compression": "none",
    "encoding": "utf-8",
}
_OF_SHEETS = {"format": "csv", "sheet": None, "delimiter": SHEET_DIALECT.delimiter, "quote": SHEET_DIALECT.quote}
_OF_RECORDS = {"format": "jsonl", "records_path": None, "repeated": ()}


def text_form(source: SourceFormat) -> SourceFormat:
    """A sheet's as CSV, that of XML and Avro as JSON Lines; any other source as it is."""
    if source.format == "excel":
        return source.model_copy(update={**_OF_SHEETS, **_NOT_PACKED, "mend_rows": False})
    if source.format in ("xml", "avro"):
        return source.model_copy(update={**_OF_RECORDS, **_NOT_PACKED})
    return source
