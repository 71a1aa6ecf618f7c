"""Workbooks for tests: of Excel as openpyxl writes them, of Excel 97 from a file, of OpenDocument by hand."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl

Rows = Sequence[Sequence[Any]]

OLD_EXCEL = (Path(__file__).parent / "data" / "orders.xls").read_bytes()
"""Two sheets of Excel 97: ``cover``, with a title, and ``orders``: id, placed, amount and two rows, dates from 1904."""

_CONTENT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"""
_MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>"""


def excel(sheets: Mapping[str, Rows], hidden: Sequence[str] = ()) -> bytes:
    """An .xlsx file with these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.sheet_state = "hidden" if name in hidden else "visible"
        for row in rows:
            sheet.append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    """The bytes of a workbook that was put together by hand."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def open_document(sheets: Mapping[str, str]) -> bytes:
    """An .ods file of these sheets, each given as the XML of its rows."""
    tables = "".join(f'<table:table table:name="{escape(name)}">{rows}</table:table>' for name, rows in sheets.items())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr("content.xml", _CONTENT.format(tables=tables), zipfile.ZIP_DEFLATED)
        parts.writestr("META-INF/manifest.xml", _MANIFEST)
    return file.getvalue()


def document_row(*cells: str | float, repeated: int = 1) -> str:
    """A row of an OpenDocument sheet."""
    xml = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'
        if isinstance(cell, str)
        else f'<table:table-cell office:value-type="float" office:value="{cell}"/>'
        for cell in cells
    )
    return f'<table:table-row table:number-rows-repeated="{repeated}">{xml}</table:table-row>'
