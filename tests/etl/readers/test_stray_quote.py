"""Text behind a closing quote: the record is lost, and no row that comes after it."""

import fsspec
import pytest

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation

LOCATION = BlobLocation("memory://stray")
SOURCE = SourceFormat(format="csv", delimiter=",", quote='"', header_rows=1, columns=("x", "y"), mend_rows=False)


def read(text: str, source: SourceFormat = SOURCE, block_bytes: int = 4_096) -> list[RawBlock]:
    fsspec.filesystem("memory").pipe("/stray", text.encode())
    return list(read_blocks(LOCATION, source, block_bytes=block_bytes))


def rows_of(blocks: list[RawBlock]) -> list[tuple[str, ...]]:
    return [row for block in blocks for row in block.frame.rows()]


def rejects_of(blocks: list[RawBlock]) -> list[tuple[int, str, str | None]]:
    return [(reject.line, reject.code, reject.raw) for block in blocks for reject in block.rejects]


@pytest.mark.parametrize("bad", [0, 1, 250, 498])
@pytest.mark.parametrize("block_bytes", [100, 4_096, 100_000])
def test_a_quote_that_is_forgotten_costs_its_own_line_alone(bad: int, block_bytes: int) -> None:
    lines = [f'{number},"v{number}"\n' for number in range(500)]
    lines[bad] = f'{bad},"un\n'

    blocks = read("x,y\n" + "".join(lines), block_bytes=block_bytes)

    assert rows_of(blocks) == [(str(number), f"v{number}") for number in range(500) if number != bad]
    assert rejects_of(blocks) == [(bad + 2, "stray_quote", f'{bad},"un')]


@pytest.mark.parametrize("line", ['1,"He said "hi" there"', '"O"Brien,2', '1,"a""b"c', '1,"a" "b"', '"a"\\,1'])
def test_text_behind_a_closing_quote_is_no_data(line: str) -> None:
    blocks = read(f"x,y\n0,a\n{line}\n2,b\n")

    assert rows_of(blocks) == [("0", "a"), ("2", "b")]
    assert rejects_of(blocks) == [(3, "stray_quote", line)]


def test_in_a_record_of_several_lines_too() -> None:
    blocks = read('x,y\n0,a\n1,"two\nlines"x\n2,"two\nlines"\n')

    assert rows_of(blocks) == [("0", "a"), ("2", "two\nlines")]
    assert rejects_of(blocks) == [(3, "stray_quote", '1,"two'), (4, "too_few_fields", 'lines"x')]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ('1,5" pipe', ("1", '5" pipe')),
        ('1,a"b', ("1", 'a"b')),
        ('1, "a" b', ("1", ' "a" b')),
        ('="0012",b', ('="0012"', "b")),
        ('"a" ,"b"\t', ("a ", "b\t")),
        ('1,"a""b"', ("1", 'a"b')),
        ('"""a""",""', ('"a"', "")),
    ],
)
def test_what_is_lenient_and_common_is_read_on(line: str, row: tuple[str, str]) -> None:
    blocks = read(f"x,y\n{line}\n{line}\n")

    assert rows_of(blocks) == [row, row]
    assert rejects_of(blocks) == []


@pytest.mark.parametrize("delimiter", ["\t", " "])
def test_a_blank_that_is_the_delimiter_is_no_blank(delimiter: str) -> None:
    source = SOURCE.model_copy(update={"delimiter": delimiter})

    assert rows_of(read(f'x{delimiter}y\n"1"{delimiter}"a"\n"2"{delimiter}b\n', source)) == [("1", "a"), ("2", "b")]
