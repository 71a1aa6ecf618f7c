"""A file's format from its first bytes, for the answer to an upload. How it is read is decided on the whole file."""

import asyncio

from stepmill.errors import DataError
from stepmill.etl.plan.source import Compression
from stepmill.etl.readers.archives import find_archive
from stepmill.etl.readers.codecs import CODECS, without_suffix
from stepmill.etl.readers.compression import Packing, find_compression, read_head
from stepmill.etl.readers.json_shape import find_shape
from stepmill.gateways.blobs import BlobLocation

_HEAD_BYTES = 16 * 1024
_SIGNATURES = (
    (b"%PDF-", "pdf"),
    (b"PAR1", "parquet"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"7z\xbc\xaf", "7z"),
    (b"\xd0\xcf\x11\xe0", "xls"),
    (b"<?xml", "xml"),
)
_ZIP = b"PK\x03\x04"
_ZIP_PARTS = ((b"xl/", "xlsx"), (b"opendocument.spreadsheet", "ods"), (b"word/", "docx"))
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


async def sniff(location: BlobLocation, name: str) -> str:
    """Such as ``csv``, ``jsonl``, ``json``, ``csv.gz`` or ``pdf``."""
    return await asyncio.to_thread(_sniff, location, name)


def format_of(head: bytes, name: str) -> str:
    """The format of a file that begins with ``head``. Its name only counts where too little is seen of it."""
    for signature, known in _SIGNATURES:
        if head.startswith(signature):
            return known
    if head.startswith(_ZIP):
        return next((known for part, known in _ZIP_PARTS if part in head), "zip")
    if find_archive(head) == "tar":
        return "tar"
    shape = find_shape(_text(head))
    if shape is None:
        return "csv"
    is_cut = len(head) >= _HEAD_BYTES and b"\n" not in head.strip()
    return "jsonl" if is_cut and name.lower().endswith((".jsonl", ".ndjson")) else shape.format


def _sniff(location: BlobLocation, name: str) -> str:
    head = read_head(location, Packing(), _HEAD_BYTES)
    packed = find_compression(head)
    if packed == "none":
        return format_of(head, name)
    return format_of(_unpacked(location, packed), without_suffix(name)) + CODECS[packed].suffix


def _unpacked(location: BlobLocation, packed: Compression) -> bytes:
    try:
        return read_head(location, Packing(packed), _HEAD_BYTES)
    except DataError:
        return b""


def _text(head: bytes) -> str:
    for mark in _BYTE_ORDER_MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\x00", b"").decode("latin-1").lstrip()
