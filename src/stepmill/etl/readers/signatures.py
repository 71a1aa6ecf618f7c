"""What a file is that is no table of text, by its first bytes, whatever its name says."""

import re

from stepmill.errors import DataError
from stepmill.etl.readers.archives import find_archive
from stepmill.etl.readers.compression import find_compression

_STARTS = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"{\\rtf", "an RTF document"),
)
_ZIP_PARTS = (
    (b"word/", "a Word document (.docx)"),
    (b"ppt/", "a PowerPoint document (.pptx)"),
    (b"opendocument", "an OpenDocument file"),
)
_MARKUP = (
    (
        re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL),
        "an HTML page",
    ),
    (re.compile(rb"\s*<\?xml\b", re.IGNORECASE), "an HTML page"),  # any other XML is read
)
_CONTROLS = bytes(set(range(32)) - {0, 1, *range(9, 14), *range(26, 32)})
_BINARY_SHARE = 0.02
_FEW_CONTROLS = 4  # in a small file that is text otherwise
_FEW_SHARE = 0.2
_PADDING_SHARE = 0.5


def refuse_other_formats(head: bytes, name: str, *, is_wide: bool) -> None:
    """Raise DataError ``not_a_table`` if the file is something else than text with records.

    Text of a wide encoding (``is_wide``) may have any bytes, but does not begin like these.
    """
    kind = _by_start(head) or (None if is_wide else _by_content(head))
    if kind is not None:
        raise DataError(
            "not_a_table",
            f"{name!r} is {kind}. Tables are read from CSV, JSON, JSON Lines, XML, Parquet, Arrow and Avro files and"
            " from workbooks of Excel and OpenDocument, also compressed with gzip, bzip2, xz or zstd, and in zip or"
            " tar archives.",
            details={"looksLike": kind},
        )


def _by_start(head: bytes) -> str | None:
    for start, kind in _STARTS:
        if head.startswith(start) and not (start.isalnum() and _is_text(head) and b"\x00" not in head):
            return kind
    packed = find_compression(head)
    if packed != "none":
        return f"a {packed} file inside another compressed one"
    archive = find_archive(head)
    if archive == "zip":
        return next((kind for part, kind in _ZIP_PARTS if part in head[:65536]), "a zip archive inside another one")
    return "a tar archive inside another one" if archive == "tar" else None


def _by_content(head: bytes) -> str | None:
    for pattern, kind in _MARKUP:
        if pattern.match(head.removeprefix(b"\xef\xbb\xbf")[:4096]):
            return kind
    return None if _is_text(head) else "binary data"


def _is_text(head: bytes) -> bool:
    """Few control characters. Zero bytes are none of them, up to a point: some programs pad with them."""
    sample = head[:65536]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    are_few = controls <= min(_FEW_CONTROLS, _FEW_SHARE * len(sample)) and b"\x00" not in sample
    return (are_few or controls <= _BINARY_SHARE * len(sample)) and sample.count(0) <= _PADDING_SHARE * len(sample)
