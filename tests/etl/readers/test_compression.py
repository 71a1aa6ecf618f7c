"""Packed files: told by their content, in several members, broken off, damaged, and bombs."""

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable
from contextlib import closing

import pytest

from stepmill.errors import DataError
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.detect import Detected
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect, warnings_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Pack = Callable[[bytes], bytes]
PACKS: dict[str, Pack] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}
HEAD = b"id,name\n"
ROWS = b"".join(b"%d,name %d\n" % (number, number * 7919) for number in range(2, 40_000))
SKIPPED_FRAME = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"


def ids(detected: Detected, block_bytes: int = 64 * 1024) -> list[int]:
    with closing(read_blocks(LOCATION, detected.source, block_bytes=block_bytes)) as blocks:
        return [int(value) for block in blocks for value in block.frame["id"]]


@pytest.fixture(params=PACKS)
def packed(request: pytest.FixtureRequest) -> tuple[str, Pack]:
    return request.param, PACKS[request.param]


def test_a_packed_file_is_told_by_its_content_and_may_have_several_members(packed: tuple[str, Pack]) -> None:
    name, pack = packed
    data = pack(HEAD + b"1,Ann\n") + pack(b"") + pack(ROWS)

    detected = detect(data, name="people.csv")

    assert (detected.source.compression, detected.source.columns) == (name, ("id", "name"))
    assert (detected.text_bytes, detected.stored_bytes) == (len(HEAD) + 6 + len(ROWS), len(data))
    assert detected.evidence[0].message == f"The file is compressed with {name}."
    assert ids(detected) == list(range(1, 40_000))


def test_reading_is_taken_up_in_the_middle_of_a_packed_file(packed: tuple[str, Pack]) -> None:
    detected = detect(packed[1](HEAD + ROWS))
    blocks = list(read_blocks(LOCATION, detected.source, block_bytes=64 * 1024))
    assert len(blocks) > 5

    again = list(read_blocks(LOCATION, detected.source, blocks[3].next, block_bytes=64 * 1024))

    assert [block.start for block in again] == [block.start for block in blocks[4:]]
    assert again[0].frame.equals(blocks[4].frame)


def test_zeros_behind_the_last_member_are_padding(packed: tuple[str, Pack]) -> None:
    assert ids(detect(packed[1](HEAD + ROWS) + bytes(1024))) == list(range(2, 40_000))


def test_a_packed_file_that_breaks_off_or_is_damaged_is_refused(packed: tuple[str, Pack]) -> None:
    name, pack = packed
    data = pack(HEAD + ROWS)

    for broken, code in [
        (data[:-20], "truncated_file"),
        (data[:11], "truncated_file"),
        (data + b"garbage that is no member", "damaged_file"),
        (data[: len(data) // 2] + bytes(64) + data[len(data) // 2 + 64 :], "damaged_file"),
    ]:
        with pytest.raises(DataError, match=name) as caught:
            detect(broken)
        assert caught.value.code == code


def test_one_packed_file_in_another_is_refused(packed: tuple[str, Pack]) -> None:
    name, pack = packed
    with pytest.raises(DataError) as caught:
        detect(gzip.compress(pack(HEAD + ROWS)))
    assert caught.value.details == {"looksLike": f"a {name} file inside another compressed one"}


def test_a_bomb_is_not_unpacked(packed: tuple[str, Pack]) -> None:
    with pytest.raises(DataError) as caught:
        detect(packed[1](b"id\n" + b"0" * 200_000_000))

    assert caught.value.code == "compression_bomb"


def test_a_frame_to_be_skipped_may_begin_a_zstd_file() -> None:
    detected = detect(SKIPPED_FRAME + zstd.compress(HEAD + ROWS) + SKIPPED_FRAME)
    assert (detected.source.compression, ids(detected)) == ("zstd", list(range(2, 40_000)))


def test_a_window_that_would_take_all_memory_is_refused() -> None:
    options = {
        int(zstd.CompressionParameter.window_log): 30,
        int(zstd.CompressionParameter.enable_long_distance_matching): 1,
    }
    large = zstd.ZstdCompressor(options=options)
    with pytest.raises(DataError, match="memory") as caught:
        detect(large.compress(HEAD + ROWS) + large.flush())
    assert caught.value.code == "damaged_file"


@pytest.mark.parametrize("name", ["data.csv.gz", "data.csv.BZ2", "data.csv.xz", "data.csv.zst", "data.csv"])
def test_a_name_says_what_is_in_the_packing(name: str) -> None:
    assert without_suffix(name) == "data.csv"
    assert "other_format" not in warnings_of(detect(PACKS["xz"](HEAD + ROWS), name))
