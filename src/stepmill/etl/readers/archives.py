"""Archives: what is in them, and one member of them as a stream. Nothing is ever unpacked to a disk."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import IO, Final, Literal, Protocol

from stepmill.errors import DataError
from stepmill.etl.plan.source import Archive
from stepmill.etl.readers.bombs import refuse_bomb

HEAD_BYTES = 512
"""How many of a file's first bytes tell whether it is an archive."""

_MOST_MEMBERS = 100_000
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # the second has no members
_TAR_MAGIC = b"ustar"
_TAR_MAGIC_AT = 257
_ENCRYPTED = 0x1


class Readable(Protocol):
    """What is read forward."""

    @abstractmethod
    def read(self, size: int, /) -> bytes:
        """The next bytes, up to ``size``; none only at the end."""


@dataclass(frozen=True)
class ArchiveMember:
    """A file in an archive: its path there, and its size in bytes."""

    path: str
    size: int


class _Opened(Protocol):
    @abstractmethod
    def files(self) -> Iterator[ArchiveMember]: ...

    @abstractmethod
    def open(self, path: str) -> AbstractContextManager[Readable]: ...


def find_archive(head: bytes) -> Archive:
    """By the first bytes of a file."""
    if head.startswith(_ZIP_STARTS):
        return "zip"
    return "tar" if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + len(_TAR_MAGIC)] == _TAR_MAGIC else "none"


def list_members(file: IO[bytes], archive: Archive, *, can_seek: bool) -> list[ArchiveMember]:
    """The files in an archive in its order, without folders, links and devices.

    A zip archive must be seekable. Raises DataError ``damaged_file``, ``truncated_file`` and ``too_many_members``.
    """
    members = []
    with _OPEN[archive](file, can_seek) as opened:
        for member in opened.files():
            members.append(member)
            if len(members) > _MOST_MEMBERS:
                raise DataError(
                    "too_many_members",
                    f"The {archive} archive has more than {_MOST_MEMBERS:,} files in it. Pack fewer together.",
                )
    return members


@contextmanager
def open_member(file: IO[bytes], archive: Archive, path: str, *, can_seek: bool) -> Iterator[Readable]:
    """One member's bytes.

    Raises DataError ``no_such_member``, ``encrypted_archive``, ``unknown_packing``, ``compression_bomb``, and
    ``damaged_file`` or ``truncated_file`` where it can't be unpacked, also while it is read.
    """
    with _OPEN[archive](file, can_seek) as opened, opened.open(path) as member:
        yield _Guarded(member, archive, path)


class _Zip:
    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    def files(self) -> Iterator[ArchiveMember]:
        for info in self._file.infolist():
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                yield ArchiveMember(info.filename, info.file_size)

    @contextmanager
    def open(self, path: str) -> Iterator[Readable]:
        try:
            info = self._file.getinfo(path)
        except KeyError:
            raise _no_such_member("zip", path) from None
        if info.flag_bits & _ENCRYPTED:
            raise DataError("encrypted_archive", f"{path!r} in the zip archive has a password. Pack it without one.")
        refuse_bomb(f"{path!r} in the zip archive", info.compress_size, info.file_size)
        with _told("zip", path):
            member = self._file.open(info)
        with member:
            yield member


class _Tar:
    def __init__(self, file: tarfile.TarFile) -> None:
        self._file = file

    def files(self) -> Iterator[ArchiveMember]:
        for info in self._regular():
            yield ArchiveMember(info.name, info.size)

    @contextmanager
    def open(self, path: str) -> Iterator[Readable]:
        found = next((info for info in self._regular() if info.name == path), None)
        member = self._file.extractfile(found) if found is not None else None
        if member is None:
            raise _no_such_member("tar", path)
        with member:
            yield member

    def _regular(self) -> Iterator[tarfile.TarInfo]:
        while (info := self._next()) is not None:
            if info.isreg():
                yield info

    def _next(self) -> tarfile.TarInfo | None:
        self._file.members = []  # type: ignore[attr-defined]  # all that it has seen, which may be very many
        with _told("tar"):
            return self._file.next()


@contextmanager
def _open_zip(file: IO[bytes], can_seek: bool) -> Iterator[_Opened]:
    if not can_seek:
        raise ValueError("a zip archive is read from its end")
    with _told("zip"):
        opened = zipfile.ZipFile(file)
    with opened:
        yield _Zip(opened)


@contextmanager
def _open_tar(file: IO[bytes], can_seek: bool) -> Iterator[_Opened]:
    with _told("tar"):
        mode: Literal["r:", "r|"] = "r:" if can_seek else "r|"
        opened = tarfile.open(fileobj=file, mode=mode, errors="replace")  # noqa: SIM115  (in the next line)
    with opened:
        yield _Tar(opened)


_OPEN: Final[dict[Archive, Callable[[IO[bytes], bool], AbstractContextManager[_Opened]]]] = {
    "zip": _open_zip,
    "tar": _open_tar,
}


class _Guarded:
    """A member whose faults are told as ours."""

    def __init__(self, member: Readable, archive: Archive, path: str) -> None:
        self._member = member
        self._archive = archive
        self._path = path

    def read(self, size: int, /) -> bytes:
        with _told(self._archive, self._path):
            return self._member.read(size)


@contextmanager
def _told(archive: Archive, path: str | None = None) -> Iterator[None]:
    """What the libraries raise, as sentences. What the storage raises goes on as it is."""
    what = f"The {archive} archive" if path is None else f"{path!r} in the {archive} archive"
    try:
        yield
    except NotImplementedError as error:
        raise DataError("unknown_packing", f"{what} is packed in a way that can't be read: {error}.") from error
    except EOFError as error:
        raise _truncated(what) from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, tarfile.TarError, RuntimeError, ValueError) as error:
        if any(words in str(error) for words in ("unexpected end of data", "not a zip file", "truncated")):
            raise _truncated(what) from error
        raise DataError("damaged_file", f"{what} is damaged: {error}.") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise DataError("damaged_file", f"{what} is damaged: {error}.") from error


def _truncated(what: str) -> DataError:
    return DataError("truncated_file", f"{what} breaks off before its end. Upload the whole file again.")


def _no_such_member(archive: Archive, path: str) -> DataError:
    return DataError("no_such_member", f"There is no file {path!r} in the {archive} archive.")
