"""Files that end in the middle of a character, or with a sign that is no text."""

import pytest

from stepmill.etl.readers.block import RawBlock
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect

LINES = 3_000


def read(data: bytes, name: str = "data.csv") -> list[RawBlock]:
    source = detect(data, name).source
    return list(read_blocks(LOCATION, source, block_bytes=4_096))


def rows_of(blocks: list[RawBlock]) -> list[tuple[str, ...]]:
    return [row for block in blocks for row in block.frame.rows()]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
@pytest.mark.parametrize("missing", [1, 2, 3])
@pytest.mark.parametrize("name", ["data.csv", "data.jsonl"])
def test_the_record_that_a_torn_character_ends_is_rejected_and_no_other(encoding: str, missing: int, name: str) -> None:
    form = '{{"id":{0},"name":"n{0}"}}' if name.endswith("jsonl") else "{0},n{0}"
    head = "" if name.endswith("jsonl") else "id,name\n"
    width = 4 if "32" in encoding else 2
    data = (head + "\n".join(form.format(number) for number in range(LINES)) + "😀").encode(encoding)

    blocks = read(data[: -missing if missing < width or "16" in encoding else -1], name)

    assert rows_of(blocks) == [(str(number), f"n{number}") for number in range(LINES - 1)]
    (reject,) = [reject for block in blocks for reject in block.rejects]
    assert (reject.code, reject.line) == ("bad_encoding", LINES + bool(head))
    start = blocks[-1].start
    again = list(read_blocks(LOCATION, detect(data[:-missing], name).source, start, blocks[-1].next))
    assert [reject.code for block in again for reject in block.rejects] == ["bad_encoding"]


def test_a_single_odd_byte_behind_the_last_line_is_a_record_that_is_rejected() -> None:
    blocks = read("a,b\n1,2\n".encode("utf-16") + b"x")

    assert rows_of(blocks) == [("1", "2")]
    assert [(reject.line, reject.code) for block in blocks for reject in block.rejects] == [(3, "bad_encoding")]
    assert blocks[-1].next.offset == len("a,b\n1,2\n".encode("utf-16")) + 1


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("count", [1, 2, 1_000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_sign_by_which_dos_ends_a_text_is_no_record(line_end: str, count: int, encoding: str) -> None:
    text = line_end.join(["x,y", *(f"{number},b" for number in range(count)), "\x1a"])

    blocks = read(text.encode(encoding))

    assert rows_of(blocks) == [(str(number), "b") for number in range(count)]
    assert [reject for block in blocks for reject in block.rejects] == []


@pytest.mark.parametrize("size", range(64, 80))
def test_it_is_none_wherever_a_block_ends(size: int) -> None:
    source = detect("x\n" + "abc\n" * 40 + "\x1a").source
    blocks = list(read_blocks(LOCATION, source, block_bytes=size))

    assert sum(block.frame.height for block in blocks) == 40
    assert set(rows_of(blocks)) == {("abc",)}


def test_elsewhere_it_is_data() -> None:
    assert rows_of(read(b"x,y\n1,a\n\x1a,b\n2,\x1a")) == [("1", "a"), ("\x1a", "b"), ("2", "\x1a")]


@pytest.mark.parametrize(("name", "data"), [("a.jsonl", b'{"x":1}\n\x1a'), ("a.json", b'[{"x":1}]\r\n\x1a')])
def test_nor_is_it_one_of_json(name: str, data: bytes) -> None:
    blocks = read(data, name)

    assert rows_of(blocks) == [("1",)]
    assert [reject for block in blocks for reject in block.rejects] == []
