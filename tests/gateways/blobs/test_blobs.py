"""Blobs in a local folder, and in fsspec's in-memory storage, which stands for object storage."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from stepmill.errors import ConfigurationError, NotFoundError
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
