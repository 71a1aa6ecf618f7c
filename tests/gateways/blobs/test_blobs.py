"""Blobs in a local folder, and in fsspec's in-memory storage, which stands for object storage."""

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from stepmill.errors import ConfigurationError, NotFoundError, UnavailableError
from stepmill.gateways.blobs import Blobs


@pytest.fixture(params=["folder", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs" if request.param == "folder" else f"memory://{uuid4().hex}/blobs")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def test_a_stream_is_stored_counted_and_hashed(blobs: Blobs) -> None:
    parts = [b"x" * 700_000, b"y" * 700_000, b"", b"z"]

    stored = await blobs.put_stream("files/default/one", chunks(*parts))

    content = b"".join(parts)
    assert (stored.bytes, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert await blobs.get("files/default/one") == content
    with blobs.location("files/default/one").open() as file:
        assert file.read() == content


async def test_an_empty_blob(blobs: Blobs) -> None:
    assert (await blobs.put("empty", b"")).bytes == 0
    assert await blobs.get("empty") == b""


async def test_a_stream_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)

    async def failing() -> AsyncIterator[bytes]:
        yield b"half" * 1_000_000
        raise ConnectionResetError

    await blobs.put("a/b", b"before")
    for path in ("a/b", "a/c"):
        with pytest.raises(ConnectionResetError):
            await blobs.put_stream(path, failing())

    assert await blobs.find("a") == ["a/b"]
    assert await blobs.get("a/b") == b"before"


async def test_a_process_writes_a_blob_by_its_place(blobs: Blobs) -> None:
    with blobs.location("artifacts/job/text").writing() as file:
        file.write(b"a,b\n")
        file.write(b"1,2\n")
    assert await blobs.get("artifacts/job/text") == b"a,b\n1,2\n"


async def test_what_is_not_written_to_its_end_leaves_what_was_there(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    await blobs.put("artifacts/job/text", b"before")

    with pytest.raises(ValueError), blobs.location("artifacts/job/text").writing() as file:
        file.write(b"half")
        raise ValueError

    assert await blobs.get("artifacts/job/text") == b"before"
    assert await blobs.find("artifacts", unfinished=True) == ["artifacts/job/text"]


async def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "stepmill-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root, on Linux, can mount a small file system")
    try:
        for size in (100_000, 2_000_000):  # in the last of its buffer, and before
            with pytest.raises(UnavailableError, match="is full") as raised:
                await Blobs(folder).put("some/blob", b"x" * size)
            assert raised.value.code == "storage_full"
            assert [path for path in folder.rglob("*") if path.is_file()] == []
        await Blobs(folder).put("some/blob", b"x" * 10_000)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_what_a_killed_writer_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    await blobs.put("files/whole", b"whole")
    old, young = tmp_path / "files" / "old.1.part", tmp_path / "files" / "young.1.part"
    for file in (old, young):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert await blobs.remove_unfinished(3600) == 1
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["whole", "young.1.part"]


async def test_listing_and_removing(blobs: Blobs) -> None:
    for path in ("jobs/1/a", "jobs/1/deep/b", "jobs/2/a", "jobs/10"):
        await blobs.put(path, b"1")

    assert await blobs.find("jobs") == ["jobs/1/a", "jobs/1/deep/b", "jobs/10", "jobs/2/a"]
    await blobs.delete_prefix("jobs/1")
    await blobs.delete_prefix("jobs/nothing")
    await blobs.delete("jobs/2/a")
    await blobs.delete("jobs/2/a")

    assert await blobs.find("jobs") == ["jobs/10"]
    assert await blobs.find("nothing") == []
    assert await blobs.exists("jobs/10")
    assert not await blobs.exists("jobs/2/a")
    with pytest.raises(NotFoundError):
        await blobs.get("jobs/2/a")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../up", "a/../../b", "a//b", "a/", "./a", "nul\0"])
async def test_a_path_stays_below_the_root(blobs: Blobs, path: str) -> None:
    with pytest.raises(ValueError, match="not a blob's path"):
        await blobs.put(path, b"1")


def test_a_local_folder_is_closed_to_others(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "new" / "blobs")

    assert (tmp_path / "new" / "blobs").stat().st_mode & 0o777 == 0o700
    assert blobs.location("a/b").local_path == str(tmp_path / "new" / "blobs" / "a" / "b")


def test_an_unknown_storage_is_a_clear_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Blobs("nosuch://bucket/path")
    assert caught.value.code == "blob_url_unusable"
