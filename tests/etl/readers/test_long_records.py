"""Records as long as they may be, and longer ones, wherever they stand."""

import pytest

from stepmill.errors import DataError
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect

ALLOWED = [131_073, 200_000, 1_000_000, 1_048_570]
TOO_LONG = [1_100_000, 3_000_000]
Rows = list[tuple[int, tuple[str, ...]]]


def read(data: str | bytes) -> tuple[Rows, list[tuple[int, str]], tuple[str, ...]]:
    """The rows with their lines, the rejects, and the columns."""
    source = detect(data).source
    blocks = list(read_blocks(LOCATION, source))
    rows = [pair for block in blocks for pair in zip(block.lines.to_list(), block.frame.rows(), strict=True)]
    rejects = [(reject.line, reject.code) for block in blocks for reject in block.rejects]
    return rows, rejects, source.columns


@pytest.mark.parametrize("size", [*ALLOWED, *TOO_LONG])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("long_lines", [[2], [3], [2, 3, 4], [4]])
def test_a_record_is_read_if_it_is_no_longer_than_allowed(size: int, quote: str, long_lines: list[int]) -> None:
    value = "z" * (size - 4)
    expected = {line: (str(line), value if line in long_lines else "b") for line in range(2, 5)}
    text = "x,y\n" + "".join(f"{number},{quote}{cell}{quote}\n" for number, cell in expected.values())

    rows, rejects, columns = read(text)

    fits = size in ALLOWED
    assert columns == ("x", "y")
    assert rows == [(line, row) for line, row in expected.items() if fits or line not in long_lines]
    assert rejects == [(line, "record_too_large") for line in long_lines if not fits]


@pytest.mark.parametrize("size", [*ALLOWED, *TOO_LONG])
def test_a_header_may_be_longer(size: int) -> None:
    rows, rejects, columns = read(f"x,{'z' * size}\n1,a\n2,b\n3,c\n")

    assert columns == ("x", "z" * 1_000)
    assert (rows, rejects) == ([(2, ("1", "a")), (3, ("2", "b")), (4, ("3", "c"))], [])


@pytest.mark.parametrize("size", [*ALLOWED, *TOO_LONG])
@pytest.mark.parametrize("above", ["# ", "The title of this "])
def test_what_comes_before_the_table_may_be_longer(size: int, above: str) -> None:
    rows, rejects, columns = read(f"{above}{'z' * size}\nx,y\n1,a\n2,b\n3,c\n")

    assert columns == ("x", "y")
    assert (rows, rejects) == ([(3, ("1", "a")), (4, ("2", "b")), (5, ("3", "c"))], [])


@pytest.mark.parametrize(
    "data", [b"x" * 1_500_000, b"x" * 10_000_000, b"x" * 10_000_000 + b"\n", b"\n" * 2_000_000 + b"x,y\n1,2\n"]
)
def test_a_file_that_does_not_begin_with_a_row_is_refused(data: bytes) -> None:
    with pytest.raises(DataError) as caught:
        detect(data)

    assert caught.value.code == "no_first_row"
