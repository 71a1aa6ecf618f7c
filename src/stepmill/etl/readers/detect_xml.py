"""How an XML document is read: which of its elements are the records, and in which encoding it is."""

import re
from dataclasses import asdict

from stepmill.errors import DataError
from stepmill.etl.plan.source import WIDE_ENCODINGS, SourceFormat, canonical_encoding
from stepmill.etl.readers.about import about_name
from stepmill.etl.readers.charset import choose_charset
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.decoded import Decoding, writing_text
from stepmill.etl.readers.findings import Detected, Finding
from stepmill.etl.readers.opened import OpenedFile
from stepmill.etl.readers.survey import survey_file
from stepmill.etl.readers.texts import head_text
from stepmill.etl.readers.xml_parse import utf8_texts
from stepmill.etl.readers.xml_records import json_records
from stepmill.etl.readers.xml_shape import XmlPaths, look_at_paths, shape_of

_BLANK = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"
_DECLARED = re.compile(r"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][\w.:-]*)["']""")
_LEAST_ELEMENTS = 2
_ELEMENTS_SHOWN = 10  # what begins with so many is XML, and broken


def detect_xml(file: OpenedFile, decoding: Decoding, planned: SourceFormat | None) -> Detected | None:
    """Write the records as text to where ``decoding`` says: those at the plan's path if it has such, or the likeliest.

    None for what is no XML. Raises DataError ``broken_xml`` and ``xml_entities``, and where it can't be unpacked.
    """
    if not file.found.head.lstrip(_BLANK).startswith(b"<"):
        return None
    packing = file.found.packing
    encoding, is_declared = _encoding(file)
    paths = _paths(file, encoding, is_sure=is_declared)
    if paths is None:
        return None
    wanted = planned if planned is not None and planned.format == "xml" else None
    shape = shape_of(paths, wanted.records_path if wanted else None, wanted.repeated if wanted else ())
    size = records = 0
    with writing_text(decoding) as text:
        for lines in json_records(utf8_texts(file.location, packing, encoding), shape.records_path, shape.repeated):
            size += text.write(b"".join(line + b"\n" for line in lines))
            records += len(lines)
            decoding.on_progress(records, None)
    told = Finding("records_path", f"The records are the XML elements at {shape.records_path!r}.")
    return Detected(
        source=SourceFormat(
            format="xml",
            encoding=encoding,
            records_path=shape.records_path,
            repeated=shape.repeated,
            **asdict(packing),
        ),
        evidence=(told,),
        warnings=tuple(about_name(without_suffix(file.name), "xml")),
        header=None,
        text_bytes=size,
        stored_bytes=size,
        text=decoding.text,
    )


def _encoding(file: OpenedFile) -> tuple[str, bool]:
    """What it is, and whether the file begins as only XML does.

    As the document declares, unless its bytes say otherwise: a wide encoding, or that they can't be UTF-8.
    """
    survey = survey_file(file.location, file.found.packing)
    found = choose_charset(survey).encoding
    begin = head_text(survey, found).lstrip()
    declared = _DECLARED.match(begin)
    if declared is not None and found not in WIDE_ENCODINGS:
        try:
            said = canonical_encoding(declared[1])
        except ValueError:
            said = found
        contradicts = said in WIDE_ENCODINGS or (said == "utf-8" and survey.utf8_errors > 0)
        found = found if contradicts else said
    return found, begin.startswith("<?xml")


def _paths(file: OpenedFile, encoding: str, *, is_sure: bool) -> XmlPaths | None:
    """The document's elements; None if it is no XML after all."""
    paths = XmlPaths()
    try:
        look_at_paths(utf8_texts(file.location, file.found.packing, encoding), paths)
    except DataError:
        if is_sure or paths.count >= _ELEMENTS_SHOWN:
            raise
        return None
    if paths.root.lower() == "html":
        return None
    return paths if is_sure or paths.count >= _LEAST_ELEMENTS else None
