"""A quote that nobody closes, in a file much larger than a record may be: its line is lost, and no other."""

import fsspec
import pytest

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.detect import detect_source
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation
from tests.etl.readers.detecting import DECODING

LOCATION = BlobLocation("memory://unclosed")
LINES = 20_000


@pytest.mark.parametrize(
    ("bad_line", "quoted"),
    [(2, False), (3, False), (LINES // 2, False), (LINES - 1, False), (LINES, False), (LINES, True)],
)
def test_every_other_line_is_read(bad_line: int, quoted: bool) -> None:
    rows = [f'{number},"name, {number}"\n' if quoted else f"{number},name {number}\n" for number in range(2, LINES + 1)]
    rows[bad_line - 2] = f'{bad_line},"never closed\n'
    fsspec.filesystem("memory").pipe("/unclosed", f"id,name\n{''.join(rows)}".encode())
    source = SourceFormat(
        format="csv", delimiter=",", quote='"', header_rows=1, columns=("id", "name"), mend_rows=False
    )

    blocks = list(read_blocks(LOCATION, source, block_bytes=8_192, record_bytes=2_048))

    ids = [int(value) for block in blocks for value in block.frame["id"]]
    assert ids == [number for number in range(2, LINES + 1) if number != bad_line]
    assert [line for block in blocks for line in block.lines] == ids
    (reject,) = [reject for block in blocks for reject in block.rejects]
    assert (reject.line, reject.code, reject.raw) == (bad_line, "unclosed_quote", f'{bad_line},"never closed')


def test_it_is_detected_as_what_it_is_but_for_that_line() -> None:
    rows = "".join(f'{number},"name, {number}"\n' for number in range(LINES))
    fsspec.filesystem("memory").pipe("/unclosed", f'id,name\n{rows}0,"never closed\n'.encode())

    source = detect_source(LOCATION, "data.csv", DECODING).source

    assert (source.delimiter, source.quote, source.columns) == (",", '"', ("id", "name"))
