"""How a Parquet or Arrow file is read: it says itself what its columns are called and of which types they are."""

from dataclasses import asdict

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.about import about_name
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.column_names import column_names
from stepmill.etl.readers.columnar import columnar_format, look_into
from stepmill.etl.readers.columnar_types import declared_type
from stepmill.etl.readers.decoded import Decoding, unpacked
from stepmill.etl.readers.detect_csv import renamed_columns
from stepmill.etl.readers.findings import Detected, Finding
from stepmill.etl.readers.opened import OpenedFile

_CALLED = {"parquet": "Parquet", "arrow": "Arrow"}


def detect_columnar(file: OpenedFile, decoding: Decoding) -> Detected | None:
    """None for what is no such file. One that is packed is unpacked to where ``decoding`` says.

    Raises DataError ``damaged_file``, ``no_columns`` and ``too_many_columns``, and where it can't be unpacked.
    """
    kind = columnar_format(file.found.head)
    if kind is None:
        return None
    text = unpacked(file.location, file.found.packing, decoding.text)
    about = look_into(text, kind)
    header = tuple(about.schema.names)
    if not header:
        raise DataError("no_columns", f"The file {file.name!r} has no columns, so there is nothing to load.")
    columns = column_names(header, len(header))
    types = {name: declared_type(kind) for name, kind in zip(columns, about.schema.types, strict=True)}
    told = Finding("format", f"It is a {_CALLED[kind]} file, which says what its columns are.")
    return Detected(
        source=SourceFormat(format=kind, columns=columns, **asdict(file.found.packing)),
        evidence=(told,),
        warnings=(*renamed_columns(header, columns), *about_name(without_suffix(file.name), kind)),
        header=header,
        text_bytes=about.stored_bytes,
        stored_bytes=about.stored_bytes,
        text=text,
        declared={name: declared for name, declared in types.items() if declared is not None},
    )
