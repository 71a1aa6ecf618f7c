"""Rejects of CSV name the column where the fault is, as far as there is one."""

import fsspec
import pytest

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation

LOCATION = BlobLocation("memory://places")
SOURCE = SourceFormat(format="csv", delimiter=",", quote='"', header_rows=1, columns=("x", "y", "z"))


def the_reject(line: bytes, source: SourceFormat = SOURCE) -> Reject:
    fsspec.filesystem("memory").pipe("/places", b"x,y,z\n1,2,3\n" + line + b"\n4,5,6\n")
    (reject,) = [reject for block in read_blocks(LOCATION, source) for reject in block.rejects]
    return reject


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        (b'"a,b,c', "x", "unclosed_quote"),
        (b'"p, q","b,c', "y", "unclosed_quote"),
        (b'a,"b""",", c', "z", "unclosed_quote"),
        (b'a,b,c,"d', None, "unclosed_quote"),
        (b'a,"b" b,c', "y", "stray_quote"),
        (b'a, "b","c"d', "z", "stray_quote"),
        (b"a,b", "z", "too_few_fields"),
        (b"\xff,b,c", "x", "bad_encoding"),
        (b'a,"b, c",\xff', "z", "bad_encoding"),
        (b'a,"b,\n\xff",c', "y", "bad_encoding"),
        (b"a,b,c,\xff", None, "bad_encoding"),
    ],
)
def test_the_column_with_the_fault_is_named(line: bytes, column: str | None, code: str) -> None:
    reject = the_reject(line)

    assert (reject.line, reject.column, reject.code) == (3, column, code)


def test_a_quote_that_goes_wrong_on_a_later_line_is_told_where_it_opens() -> None:
    fsspec.filesystem("memory").pipe("/places", b'x,y,z\na,"b\nc" d,e\n')
    first = next(reject for block in read_blocks(LOCATION, SOURCE) for reject in block.rejects)

    assert (first.line, first.column, first.code) == (2, "y", "stray_quote")


def test_skipped_spaces_and_other_encodings_do_not_mislead() -> None:
    spaced = SOURCE.model_copy(update={"skip_initial_space": True})

    assert the_reject(b'a, "b, c",  "d', spaced).column == "z"
    assert the_reject(b'a,"b, c",\x81', SOURCE.model_copy(update={"encoding": "cp1252"})).column == "z"


def test_the_first_field_too_many_is_told() -> None:
    reject = the_reject(b"a,b,c,d,e")

    assert reject.column is None
    assert (
        reject.reason == "The row has 5 fields and not 3: field 4, behind the last column 'z', is the first too many."
    )
