"""Blobs on fsspec: a local folder by default, S3 or GCS by URL (``stepmill[s3]``, ``stepmill[gcs]``), NFS as a folder.

A blob is seen whole or not at all. Blocking calls run in threads; compute children open a :class:`BlobLocation`.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import fsspec
from fsspec.core import url_to_fs

from stepmill.errors import ConfigurationError, NotFoundError, UnavailableError
from stepmill.gateways.blobs.threads import in_thread

#: Chunks are gathered to this size before a thread is asked to write them.
_WRITE_BYTES = 1024 * 1024
#: They are read in such pieces, so that whoever is cancelled stops soon.
_READ_BYTES = 1024 * 1024

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class BlobLocation:
    """Where a blob is, as plain data, for processes that open it by themselves."""

    url: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def local_path(self) -> str | None:
        """Its path if it is a local file."""
        return self.url.removeprefix("file://") if self.url.startswith("file://") else None

    def open(self) -> IO[bytes]:
        """Open it for reading. Blocking. Raises NotFoundError ``blob_not_found``."""
        try:
            if (path := self.local_path) is not None:
                return Path(path).open("rb")
            opened: IO[bytes] = fsspec.open(self.url, "rb", **self.options).open()
        except FileNotFoundError:
            raise NotFoundError("blob_not_found", "The file's bytes are no longer there: it was deleted.") from None
        return opened

    @contextmanager
    def writing(self) -> Iterator[IO[bytes]]:
        """A file to write it to, seen whole or not at all. Blocking. Raises UnavailableError ``storage_full``."""
        if (path := self.local_path) is None:  # object storage shows an object when its upload is completed
            file: Any = fsspec.open(self.url, "wb", **self.options).open()
            try:
                yield file
            except BaseException:
                file.discard()
                raise
            file.close()
            return
        unfinished = Path(f"{path}.{uuid4().hex}.part")
        with _said_when_full():
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            try:
                with unfinished.open("wb") as local:
                    yield local
                    _publish(local, unfinished, Path(path))
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise


@dataclass(frozen=True)
class Stored:
    """What was written."""

    bytes: int
    sha256: str


class Blobs:
    """The blobs below one fsspec URL or local folder. Paths are relative, with ``/`` between their parts."""

    def __init__(self, url: str | Path, **options: Any) -> None:
        try:
            self._fs, self._root = url_to_fs(str(url), use_listings_cache=False, **options)
        except (ImportError, ValueError) as error:
            raise ConfigurationError("blob_url_unusable", f"STEPMILL_BLOB_URL can't be used: {error}") from error
        self._options = options
        self._is_local = "file" in self._fs.protocol
        if self._is_local:
            try:
                Path(self._root).mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigurationError(
                    "blob_url_unusable", f"STEPMILL_BLOB_URL can't be used: {self._root}: {error.strerror}."
                ) from error

    def location(self, path: str) -> BlobLocation:
        """Where the blob is or would be."""
        return BlobLocation(str(self._fs.unstrip_protocol(self._full(path))), self._options)

    async def put(self, path: str, data: bytes) -> Stored:
        """Write a whole blob."""

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        return await self.put_stream(path, chunks())

    async def put_stream(self, path: str, chunks: AsyncIterable[bytes]) -> Stored:
        """Write a blob from a stream, holding about a megabyte of it. If the stream fails, nothing is left."""
        digest = hashlib.sha256()
        size = 0
        async with self._writing(self._full(path)) as file:
            async for block in _gathered(chunks):
                size += len(block)
                await in_thread(_write_and_hash, file, digest, block)
        return Stored(size, digest.hexdigest())

    async def get(self, path: str) -> bytes:
        """A whole blob. Raises :class:`NotFoundError`."""
        try:
            file = await in_thread(self._fs.open, self._full(path), "rb")
            try:
                data = bytearray()
                while block := await in_thread(file.read, _READ_BYTES):
                    data += block
            finally:
                await in_thread(file.close)
        except FileNotFoundError:
            raise NotFoundError("blob_not_found", f"There is no blob {path}.") from None
        return bytes(data)

    async def exists(self, path: str) -> bool:
        """Whether there is such a blob."""
        return bool(await in_thread(self._fs.isfile, self._full(path)))

    async def delete(self, path: str) -> None:
        """Remove a blob; that it is gone already is no error."""
        with suppress(FileNotFoundError):
            await in_thread(self._fs.rm_file, self._full(path))

    async def delete_prefix(self, prefix: str) -> None:
        """Remove every blob below the folder ``prefix``."""
        with suppress(FileNotFoundError):
            if self._is_local:
                await in_thread(shutil.rmtree, self._full(prefix))
            else:
                await in_thread(self._fs.rm, self._full(prefix), recursive=True)

    async def find(self, prefix: str, *, unfinished: bool = False) -> list[str]:
        """The paths of all blobs below the folder ``prefix``, in order; with those that nobody wrote to their end."""
        found = await in_thread(self._fs.find, self._full(prefix))
        start = len(self._root.rstrip("/")) + 1
        return sorted(path[start:] for path in found if unfinished or not path.endswith(".part"))

    async def remove_unfinished(self, older_than_seconds: float) -> int:
        """Remove what killed processes left of blobs in a local folder. Returns how many.

        Object storage shows none; its bucket has a rule for uploads that were broken off.
        """
        if not self._is_local:
            return 0
        return await in_thread(_remove_unfinished, Path(self._root), older_than_seconds)

    def _full(self, path: str) -> str:
        if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
            raise ValueError(f"not a blob's path: {path!r}")
        return f"{self._root.rstrip('/')}/{path}"

    @asynccontextmanager
    async def _writing(self, target: str) -> AsyncIterator[IO[bytes]]:
        if not self._is_local:  # object storage shows an object when its upload is completed
            file = await in_thread(self._fs.open, target, "wb")
            try:
                yield file
            except BaseException:
                await in_thread(file.discard)
                raise
            await in_thread(file.close)
            return
        unfinished = Path(f"{target}.{uuid4().hex}.part")
        with _said_when_full():
            await in_thread(unfinished.parent.mkdir, parents=True, exist_ok=True)
            local: IO[bytes] = await in_thread(lambda: unfinished.open("wb"))
            try:
                yield local
                await in_thread(_publish, local, unfinished, Path(target))
            except BaseException:
                with suppress(OSError):  # what is still in its buffer may not fit either
                    local.close()
                await in_thread(unfinished.unlink, missing_ok=True)
                raise


@contextmanager
def _said_when_full() -> Iterator[None]:
    """Raises UnavailableError ``storage_full`` for what the system says then."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UnavailableError("storage_full", "The storage for files and artifacts is full.") from error
        raise


async def _gathered(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _WRITE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def _remove_unfinished(root: Path, older_than_seconds: float) -> int:
    """By the file system's own clock: this machine's may differ from it, and from that of whoever still writes."""
    now_file = root / "now.part"
    now_file.touch()
    before = now_file.stat().st_mtime - older_than_seconds
    removed = 0
    for file in root.rglob("*.part"):
        with suppress(FileNotFoundError):
            if file.stat().st_mtime <= before:
                file.unlink()
                removed += file != now_file
    now_file.unlink(missing_ok=True)
    return removed


def _write_and_hash(file: IO[bytes], digest: "hashlib._Hash", block: bytes) -> None:
    file.write(block)
    digest.update(block)


def _publish(file: IO[bytes], unfinished: Path, target: Path) -> None:
    """Show a finished file under its name, so that it survives a power cut from then on."""
    file.flush()
    os.fsync(file.fileno())
    file.close()
    unfinished.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
