"""What there is to say of a file whatever its format."""

from collections.abc import Sequence

from stepmill.etl.readers.findings import Finding

_FORMATS_OF = {
    **dict.fromkeys(("csv", "tsv"), ("csv",)),
    **dict.fromkeys(("jsonl", "ndjson"), ("jsonl",)),
    **dict.fromkeys(("xlsx", "xlsm", "xlsb", "xls", "ods"), ("excel",)),
    **dict.fromkeys(("arrow", "arrows", "feather"), ("arrow",)),
    "json": ("json", "jsonl"),
    "parquet": ("parquet",),
    "xml": ("xml",),
    "avro": ("avro",),
}
_CALLED = {
    "csv": "CSV",
    "jsonl": "JSON Lines",
    "json": "JSON",
    "excel": "a workbook",
    "parquet": "Parquet",
    "arrow": "Arrow",
    "xml": "XML",
    "avro": "Avro",
}
_NAMED = 10


def about_name(name: str, found: str) -> list[Finding]:
    """A warning if the name says another format."""
    suffix = name.lower().rpartition(".")[2]
    if found in _FORMATS_OF.get(suffix, (found,)):
        return []
    return [Finding("other_format", f"The file's name says .{suffix}, but it is {_CALLED[found]} and is read so.")]


def listed(names: Sequence[str], what: str) -> str:
    """How many there are and the first of them, for a sentence."""
    named = ", ".join(map(repr, names[:_NAMED])) + (", …" if len(names) > _NAMED else "")
    return f"{len(names):,} {what}{'s' if len(names) > 1 else ''} ({named})"
