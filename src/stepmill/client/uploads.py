"""The content of an upload: where it comes from, and whether it can be sent again."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CHUNK_BYTES = 1024 * 1024

Source = str | os.PathLike[str] | bytes | IO[bytes] | Iterable[bytes]
"""What can be uploaded: a path, bytes, a binary file object, or an iterable of bytes."""

Progress = Callable[[int], None]
"""Told how many bytes were sent so far."""


@dataclass(frozen=True)
class Upload:
    """Content to send. `size` is None if unknown; only a repeatable one is sent again after a failure."""

    source: Source
    on_progress: Progress | None = None

    @property
    def repeatable(self) -> bool:
        """Whether the content can be read from its start again."""
        return isinstance(self.source, str | os.PathLike | bytes)

    @property
    def size(self) -> int | None:
        """Bytes, if known beforehand."""
        if isinstance(self.source, bytes):
            return len(self.source)
        if isinstance(self.source, str | os.PathLike):
            return Path(self.source).stat().st_size
        return None

    def name(self, given: str | None) -> str:
        """The file's name: as given, or that of the path."""
        if given:
            return given
        path = self.source if isinstance(self.source, str | os.PathLike) else getattr(self.source, "name", None)
        if isinstance(path, str | os.PathLike):
            return Path(path).name
        raise ValueError("Say the file's name: it can't be told from bytes or an iterable.")

    def headers(self) -> dict[str, str]:
        """The headers that describe the content."""
        size = self.size
        return {"Content-Type": "application/octet-stream"} | ({} if size is None else {"Content-Length": str(size)})

    def chunks(self) -> Iterator[bytes]:
        """The content, from its start if it is repeatable."""
        sent = 0
        for chunk in self._read():
            yield chunk
            sent += len(chunk)
            if self.on_progress:
                self.on_progress(sent)

    async def chunks_async(self) -> AsyncIterator[bytes]:
        """The same, read in a thread, so that a slow disk doesn't stop the event loop."""
        chunks = self.chunks()
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk

    def _read(self) -> Iterator[bytes]:
        source = self.source
        if isinstance(source, bytes):
            for start in range(0, len(source), CHUNK_BYTES):
                yield source[start : start + CHUNK_BYTES]
        elif isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                yield from iter(lambda: file.read(CHUNK_BYTES), b"")
        elif hasattr(source, "read"):
            yield from iter(lambda: source.read(CHUNK_BYTES), b"")
        else:
            yield from source
