"""How an Avro file is read: it says itself what its columns are called and of which types they are."""

from dataclasses import asdict

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.about import about_name
from stepmill.etl.readers.avro import MAGIC, avro_fields, json_lines, opened_avro
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.decoded import Decoding, unpacked, writing_text
from stepmill.etl.readers.findings import Detected, Finding
from stepmill.etl.readers.opened import OpenedFile


def detect_avro(file: OpenedFile, decoding: Decoding) -> Detected | None:
    """Write the records as text to where ``decoding`` says; None for what is no such file.

    Raises DataError ``damaged_file`` and ``no_columns``, and where it can't be unpacked.
    """
    if not file.found.head.startswith(MAGIC):
        return None
    location = unpacked(file.location, file.found.packing, decoding.text)
    size = records = 0
    with location.open() as stored, opened_avro(stored, file.name) as reader, writing_text(decoding) as text:
        fields = avro_fields(reader.writer_schema)
        if not fields:
            raise DataError("no_columns", f"The file {file.name!r} has no columns, so there is nothing to load.")
        for count, lines in json_lines(reader, reader.writer_schema, fields):
            size += text.write(lines)
            records += count
            decoding.on_progress(records, None)
    names = tuple(field.name for field in fields)
    return Detected(
        source=SourceFormat(format="avro", columns=names, **asdict(file.found.packing)),
        evidence=(Finding("format", "It is an Avro file, which says what its columns are."),),
        warnings=tuple(about_name(without_suffix(file.name), "avro")),
        header=names,
        text_bytes=size,
        stored_bytes=size,
        text=decoding.text,
        declared={field.name: field.declared for field in fields if field.declared is not None},
    )
