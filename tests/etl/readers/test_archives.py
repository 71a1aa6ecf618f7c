"""Archives: which member is read, and those that hide something, are broken, or would swell."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import pairwise

import pytest

from stepmill.errors import DataError
from stepmill.etl.readers.detect import Detected, detect_for_plan
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import DECODING, LOCATION, detect, warnings_of

PEOPLE = b"id,name\n" + b"".join(b"%d,name %d\n" % (number, number * 7919) for number in range(1, 40_000))
OTHERS = b"id;colour\n1;red\n2;blue\n"

Archive = Callable[[Mapping[str, bytes]], bytes]


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return file.getvalue()


def tarred(members: Mapping[str, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive of these files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=kind) as archive:
        for path, data in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


ARCHIVES: dict[str, Archive] = {
    "zip": zipped,
    "zip, stored": lambda members: zipped(members, zipfile.ZIP_STORED),
    "zip, lzma": lambda members: zipped(members, zipfile.ZIP_LZMA),
    "tar": tarred,
    "tar of GNU": lambda members: tarred(members, tarfile.GNU_FORMAT),
    "tar.gz": lambda members: gzip.compress(tarred(members), mtime=0),
    "tar.bz2": lambda members: bz2.compress(tarred(members)),
    "tar.xz": lambda members: lzma.compress(tarred(members)),
}


@pytest.fixture(params=ARCHIVES)
def archive(request: pytest.FixtureRequest) -> Archive:
    return ARCHIVES[request.param]


def ids(detected: Detected, block_bytes: int = 64 * 1024) -> list[int]:
    with closing(read_blocks(detected.text, detected.source, block_bytes=block_bytes)) as blocks:
        return [int(value) for block in blocks for value in block.frame["id"]]


def test_a_table_in_an_archive_is_read(archive: Archive) -> None:
    data = archive({"data/people.csv": PEOPLE})
    detected = detect(data, name="people.zip")
    assert (detected.source.member, detected.source.columns) == ("data/people.csv", ("id", "name"))
    assert detected.warnings == ()
    assert detected.text_bytes == len(PEOPLE)
    assert 0 < detected.stored_bytes <= len(data)
    assert ids(detected) == list(range(1, 40_000))


def test_reading_is_taken_up_in_the_middle_of_a_member(archive: Archive) -> None:
    detected = detect(archive({"a.txt": b"Read me.\n", "people.csv": PEOPLE}))
    blocks = list(read_blocks(detected.text, detected.source, block_bytes=64 * 1024))
    assert len(blocks) > 5
    middle = list(read_blocks(detected.text, detected.source, blocks[2].next, blocks[4].next, block_bytes=64 * 1024))
    assert [value for block in middle for value in block.frame["id"]] == [
        value for block in blocks[3:5] for value in block.frame["id"]
    ]


def test_of_several_files_the_first_table_is_read_and_the_others_are_named(archive: Archive) -> None:
    members = {
        "__MACOSX/._a.csv": b"\x00\x05",
        ".hidden.csv": PEOPLE,
        "LIESMICH.txt": b"About these files.\n" * 9000,
        "b.csv": OTHERS,
        "a.csv": PEOPLE,
        "empty.csv": b"",
        "picture.png": b"\x89PNG\r\n\x1a\n",
    }
    detected = detect(archive(members))
    assert detected.source.member == "a.csv"
    assert warnings_of(detected) == ["more_members"]
    message = detected.warnings[0].message
    assert "3 other files ('b.csv', 'LIESMICH.txt', 'picture.png')" in message


def test_a_plan_names_the_member_that_is_read_and_a_file_without_it_is_read_all_the_same(archive: Archive) -> None:
    detected = detect(archive({"a.csv": PEOPLE, "b.csv": OTHERS}))
    named = detected.source.model_copy(update={"member": "b.csv"})
    found = detect_for_plan(LOCATION, "x.zip", DECODING, named, ("id", "colour"))
    assert (found.source.member, found.source.columns) == ("b.csv", ("id", "colour"))
    detect(archive({"c.csv": OTHERS}))
    found = detect_for_plan(LOCATION, "x.zip", DECODING, named, ("id", "colour"))
    assert found.source.member == "c.csv"
    assert [value for block in read_blocks(found.text, found.source) for value in block.frame["colour"]] == [
        "red",
        "blue",
    ]


def test_a_member_may_be_packed_once_more(archive: Archive) -> None:
    detected = detect(archive({"people.csv.gz": gzip.compress(PEOPLE)}), name="x")
    assert (detected.source.member_compression, ids(detected)) == ("gzip", list(range(1, 40_000)))


def test_an_archive_may_be_in_another_but_not_that_in_a_third(archive: Archive) -> None:
    inner = archive({"b.csv": OTHERS, "people.csv": PEOPLE})
    detected = detect(archive({"inner": inner}))
    assert (detected.source.member, detected.source.columns) == ("b.csv", ("id", "colour"))
    assert [finding.code for finding in detected.evidence].count("archive") == 2
    assert warnings_of(detected) == ["more_members"]
    named = detected.source.model_copy(update={"member": "people.csv"})
    found = detect_for_plan(LOCATION, "x.zip", DECODING, named, ("id", "name"))
    assert ids(found) == list(range(1, 40_000))
    with pytest.raises(DataError) as refused:
        detect(archive({"outer": archive({"inner": inner})}))
    assert refused.value.code == "not_a_table"
    assert "inside another" in refused.value.message


def test_a_zip_archive_that_is_compressed_once_more() -> None:
    assert ids(detect(gzip.compress(zipped({"people.csv": PEOPLE})), "people.zip.gz")) == list(range(1, 40_000))


MONTHS = {f"2024/{month:02}.csv": f"id,name\n{month}01,a\n{month}02,b\n".encode() for month in (2, 10, 1)}


def test_files_that_are_alike_are_one_table_in_the_order_of_their_names(archive: Archive) -> None:
    detected = detect(archive({**MONTHS, "notes.txt": b"see the web site", "other.csv": OTHERS}), "2024.zip")
    assert (detected.source.member, detected.source.members) == ("*.csv", ("2024/01.csv", "2024/02.csv", "2024/10.csv"))
    assert ids(detected) == [101, 102, 201, 202, 1001, 1002]
    assert detected.text_bytes == sum(map(len, MONTHS.values()))
    (warning,) = detected.warnings
    assert "2 other files ('other.csv', 'notes.txt')" in warning.message
    assert "members" in [finding.code for finding in detected.evidence]


def test_of_files_that_are_alike_a_plan_may_take_one_or_some(archive: Archive) -> None:
    detected = detect(archive(MONTHS))
    for wanted, expected in (("2024/02.csv", [201, 202]), ("2024/?.csv", None), ("2024/0*", [101, 102, 201, 202])):
        named = detected.source.model_copy(update={"member": wanted, "members": ()})
        found = detect_for_plan(LOCATION, "x.zip", DECODING, named, ("id",))
        assert ids(found) == (expected or [101, 102, 201, 202, 1001, 1002])
        if expected is not None:
            assert "more_members" in warnings_of(found)
    detect(
        archive({"2025/01.csv": b"id,name\n7,x\n", "2025/02.csv": b"name,id\nx,8\n", "2025/03.csv": b"id,name\n9,x\n"})
    )
    found = detect_for_plan(LOCATION, "x.zip", DECODING, detected.source, ("id",))
    assert found.source.members == ("2025/01.csv", "2025/03.csv")
    assert "'2025/02.csv'" in found.warnings[0].message


def test_records_of_json_files_are_one_table_where_they_share_fields() -> None:
    members = {"a.jsonl": b'{"id": 1, "n": 2}\n', "b.jsonl": b'{"id": 2, "n": 3, "m": 1}\n', "c.jsonl": b'{"x": 2}\n'}
    detected = detect(zipped(members))
    assert (ids(detected), detected.source.members) == ([1, 2], ("a.jsonl", "b.jsonl"))


def test_reading_is_taken_up_in_any_of_several_files_and_rejects_say_which(archive: Archive) -> None:
    numbers = [range(begin, begin + 5000) for begin in (0, 5000, 10_000)]
    lines = [b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in part) for part in numbers]
    lines[1] += b"x,y,z,v,w\n"
    detected = detect(archive({f"{number}.csv": data for number, data in enumerate(lines)}))
    blocks = list(read_blocks(detected.text, detected.source, block_bytes=16 * 1024))
    everything = [value for block in blocks for value in block.frame["id"]]
    assert everything == [str(n) for n in range(15_000)]
    for before, block in pairwise(blocks):
        assert block.start == before.next
        assert block.start.record == before.start.record + before.records
        assert block.next == type(block.next).from_json(block.next.as_json())
    (reject,) = [reject for block in blocks for reject in block.rejects]
    assert reject.line == 5_002
    assert reject.reason.endswith("It is in '1.csv'.")
    for begin in range(1, len(blocks)):
        again = read_blocks(detected.text, detected.source, blocks[begin - 1].next, block_bytes=16 * 1024)
        seen = sum(block.frame.height for block in blocks[:begin])
        assert [value for block in again for value in block.frame["id"]] == everything[seen:]
    middle = read_blocks(detected.text, detected.source, blocks[0].next, blocks[-2].next, block_bytes=16 * 1024)
    assert sum(block.records for block in middle) == sum(block.records for block in blocks[1:-1])


def test_an_archive_of_nothing(archive: Archive) -> None:
    for members in ({}, {"folder/.keep": b""}, {"a.csv": b""}):
        with pytest.raises(DataError) as refused:
            detect(archive(members))
        assert refused.value.code in {"empty_archive", "empty_file"}


def test_links_lead_nowhere_and_paths_are_only_names() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        link = tarfile.TarInfo("a.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        info = tarfile.TarInfo("../../etc/b.csv")
        info.size = len(OTHERS)
        archive.addfile(info, io.BytesIO(OTHERS))
    detected = detect(file.getvalue())
    assert (detected.source.member, detected.source.columns) == ("../../etc/b.csv", ("id", "colour"))
    linked = zipfile.ZipInfo("a.csv")
    linked.external_attr = 0o120777 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zip_archive:
        zip_archive.writestr(linked, "/etc/passwd")
    with pytest.raises(DataError) as refused:
        detect(file.getvalue())
    assert refused.value.code == "empty_archive"


def test_names_that_are_no_utf_8_or_very_long() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        for path, data in (("a" * 1001 + ".csv", PEOPLE), ("größe.csv", OTHERS)):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    detected = detect(file.getvalue())
    assert (detected.source.member, detected.source.columns) == ("gr\ufffd\ufffde.csv", ("id", "colour"))
    assert ids(detected) == [1, 2]


def test_one_that_is_broken_off_says_so(archive: Archive) -> None:
    whole = archive({"people.csv": PEOPLE})
    for kept in (len(whole) // 3, len(whole) * 9 // 10):
        with pytest.raises(DataError) as refused:
            detect(whole[:kept])
        assert refused.value.code == "truncated_file", refused.value.message


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind not in {"tar", "tar of GNU"}])
def test_damage_is_told(kind: str) -> None:
    """But for tar's, which has no check sums of what is in it."""
    data = bytearray(ARCHIVES[kind]({"people.csv": PEOPLE}))
    data[len(data) // 2] ^= 0xFF
    data[len(data) // 2 + 1] ^= 0xFF
    with pytest.raises(DataError) as refused:
        detect(bytes(data))
    assert refused.value.code in {"damaged_file", "truncated_file"}


def test_a_password_and_a_bomb_are_refused() -> None:
    data = bytearray(zipped({"people.csv": PEOPLE}))
    for start in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[start] |= 1
    with pytest.raises(DataError) as refused:
        detect(bytes(data))
    assert refused.value.code == "encrypted_archive"
    with pytest.raises(DataError) as refused:
        detect(zipped({"a.csv": b"0\n" * 48 * 1024 * 1024}))
    assert refused.value.code == "compression_bomb"


def test_a_zip_archive_of_an_office_program_is_named() -> None:
    with pytest.raises(DataError) as refused:
        detect(zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<x/>"}), name="table.csv")
    assert "a Word document (.docx)" in refused.value.message
