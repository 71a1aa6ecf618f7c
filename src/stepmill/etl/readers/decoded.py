"""Where a file is read that can't be read as it is stored: where it was unpacked to, or its records written as text."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stepmill.etl.readers.compression import Packing, open_bytes
from stepmill.etl.readers.packing import FoundPacking
from stepmill.etl.readers.workbook import is_workbook, may_be_workbook, write_sheet
from stepmill.etl.readers.workbook_child import SheetText
from stepmill.gateways.blobs import BlobLocation

_PREFIX = "stepmill-text-"
_LEFT_BEHIND_SECONDS = 24 * 3600.0
_CHUNK = 1024 * 1024


def _unheard(_done: int, _of: int | None) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Decoding:
    """Where a decoded text is put, and who hears how many rows are there, of how many if that is known."""

    text: BlobLocation
    on_progress: Callable[[int, int | None], None] = _unheard


@contextmanager
def decoding_for_now() -> Iterator[Decoding]:
    """A place for the text of a file as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        yield Decoding(BlobLocation(f"file://{folder}/text"))


def decode_workbook(
    location: BlobLocation, found: FoundPacking, name: str, wanted: str | None, decoding: Decoding
) -> SheetText | None:
    """Write the text of a workbook's sheet; None if the file is no workbook.

    Raises DataError as ``write_sheet`` does, and where it can't be unpacked.
    """
    if not may_be_workbook(found.head):
        return None
    with _folder() as folder:
        file = _local(location, found.packing, folder)
        if not is_workbook(file):
            return None
        written = folder / "text"
        sheet = write_sheet(file, name, wanted, written, decoding.on_progress)
        _put(written, decoding.text)
    return sheet


@contextmanager
def writing_text(decoding: Decoding) -> Iterator[IO[bytes]]:
    """A file to write a text to, put where ``decoding`` says when it is whole: what it is made of may be there."""
    with _folder() as folder:
        written = folder / "text"
        with written.open("wb") as file:
            yield file
        _put(written, decoding.text)


def _put(written: Path, target: BlobLocation) -> None:
    with written.open("rb") as text, target.writing() as copy:
        shutil.copyfileobj(text, copy, _CHUNK)


def unpack(location: BlobLocation, packing: Packing, target: BlobLocation) -> None:
    """Write a file's unpacked bytes. Raises DataError where it can't be unpacked."""
    buffer = bytearray(_CHUNK)
    with open_bytes(location, packing) as stream, target.writing() as copy:
        while count := stream.read_into(memoryview(buffer)):
            copy.write(memoryview(buffer)[:count])


def unpacked(location: BlobLocation, packing: Packing, target: BlobLocation) -> BlobLocation:
    """Where the file's bytes are as they were before they were packed: ``target``, if they had to be written anew."""
    if packing == Packing():
        return location
    unpack(location, packing, target)
    return target


def _local(location: BlobLocation, packing: Packing, folder: Path) -> Path:
    """The unpacked file on this machine."""
    if location.local_path is not None and packing == Packing():
        return Path(location.local_path)
    copied = folder / "workbook"
    unpack(location, packing, BlobLocation(f"file://{copied}"))
    return copied


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for temporary files. Those that killed processes left a day ago are removed."""
    _remove_left_behind()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        yield Path(folder)


def _remove_left_behind() -> None:
    before = time.time() - _LEFT_BEHIND_SECONDS
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)
