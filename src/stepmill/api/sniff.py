"""A file's format from its first bytes, for the answer to an upload. How it is read is decided on the whole file."""

import asyncio
import zlib

from stepmill.etl.readers.json_shape import find_shape
from stepmill.gateways.blobs import BlobLocation

_HEAD_BYTES = 16 * 1024
_SIGNATURES = (
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PAR1", "parquet"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf", "7z"),
    (b"\xd0\xcf\x11\xe0", "ole"),
    (b"<?xml", "xml"),
)
_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


async def sniff(location: BlobLocation, name: str) -> str:
    """Such as ``csv``, ``jsonl``, ``json``, ``csv.gz`` or ``pdf``."""
    head = await asyncio.to_thread(_head, location)
    if head.startswith(_GZIP):
        return f"{format_of(_unzipped(head), name.removesuffix('.gz'))}.gz"
    return format_of(head, name)


def format_of(head: bytes, name: str) -> str:
    """The format of a file that begins with ``head``. Its name only counts where too little is seen of it."""
    for signature, known in _SIGNATURES:
        if head.startswith(signature):
            return known
    shape = find_shape(_text(head))
    if shape is None:
        return "csv"
    is_cut = len(head) >= _HEAD_BYTES and b"\n" not in head.strip()
    return "jsonl" if is_cut and name.lower().endswith((".jsonl", ".ndjson")) else shape.format


def _head(location: BlobLocation) -> bytes:
    with location.open() as file:
        return file.read(_HEAD_BYTES)


def _unzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD_BYTES)
    except zlib.error:
        return b""


def _text(head: bytes) -> str:
    for mark in _BYTE_ORDER_MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\x00", b"").decode("latin-1").lstrip()
