"""Places: folders elsewhere that files are taken from, by fsspec, where the administrator allows it.

A place is a URL such as ``file:///srv/exports`` or ``s3://bucket/exports``. Credentials are those
that the process has, as the storage's own library looks for them.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any
from urllib.parse import urlsplit

from fsspec import get_filesystem_class
from fsspec.core import url_to_fs

from stepmill.errors import DataError, FieldError, InputError, StepmillError, UnavailableError
from stepmill.gateways.blobs.threads import in_thread

MOST_FILES = 100_000
"""A place with more is refused: its listing alone would take too long."""

_READ_BYTES = 1024 * 1024
# What storages tell of a file that changes with its content; each has some of these.
_MARKS = ("ETag", "etag", "generation", "md5Hash", "LastModified", "last_modified", "updated", "size")


@dataclass(frozen=True)
class FoundFile:
    """A file of a place: its path below the URL, its size if that is told, and a mark that changes when it does."""

    path: str
    size: int | None
    mark: str


class Places:
    """What may be read below the allowed URLs, given as one text with commas between them."""

    def __init__(self, allowed: str) -> None:
        self._allowed = tuple(_normal(url.strip()) for url in allowed.split(",") if url.strip())

    def check(self, url: str, glob: str) -> None:
        """Raise InputError for no source: ``place_not_allowed``, ``invalid_source``, ``place_unusable``."""
        _check_glob(glob)
        protocol = urlsplit(self._allow(url)).scheme
        try:
            get_filesystem_class(protocol)
        except (ImportError, ValueError) as error:
            message = f"What reads {protocol}:// is not installed here: {error}."
            raise InputError(
                "place_unusable", "Files can't be taken from there.", errors=[FieldError("/source/url", message)]
            ) from error

    def _allow(self, url: str) -> str:
        place = _normal(url)
        if not any(place == allowed or place.startswith(f"{allowed.rstrip('/')}/") for allowed in self._allowed):
            allowed = ", ".join(self._allowed) or "none"
            message = f"It is not below a place that STEPMILL_PLACES allows. Allowed: {allowed}."
            raise InputError(
                "place_not_allowed", f"Files can't be taken from {url!r}.", errors=[FieldError("/source/url", message)]
            )
        return place

    async def find(self, url: str, glob: str) -> list[FoundFile]:
        """The files of a place, by path. Those without content and those with a dot in front are left out.

        Raises as :meth:`check`, UnavailableError ``place_unreachable`` and DataError ``too_many_files``.
        """
        self.check(url, glob)
        return await in_thread(_find, _normal(url), glob)

    async def look(self, url: str, path: str) -> FoundFile:
        """One file as it is now. Raises DataError ``place_file_gone``, and as :meth:`find`."""
        return await in_thread(_look, self._allow(url), path)

    async def read(self, url: str, path: str) -> AsyncIterator[bytes]:
        """Its bytes. Raises as :meth:`look`."""
        file = await in_thread(_open, self._allow(url), path)
        try:
            while block := await in_thread(_block, file, url):
                yield block
        finally:
            await in_thread(file.close)


def _normal(url: str) -> str:
    """The URL as it is compared: a folder by its real path, all others without a slash at their end."""
    if any(mark in url for mark in "*?["):
        raise _invalid(url, "It has *, ? or [, which belong into the pattern of the files' paths.")
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        if not parts.path.startswith("/") or parts.netloc:
            raise _invalid(url, "A folder is named by its whole path, as in file:///srv/exports.")
        return f"file://{Path(parts.path).resolve()}"
    if not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise _invalid(url, "A URL has a scheme, a host or bucket, and a path; no password, query or fragment.")
    if any(part in (".", "..") for part in parts.path.split("/")) or "%2e" in parts.path.lower() or "\\" in url:
        raise _invalid(url, "Its path goes up.")
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}".rstrip("/")


def _invalid(url: str, message: str) -> InputError:
    return InputError("invalid_source", f"{url!r} names no place.", errors=[FieldError("/source/url", message)])


def _check_glob(glob: str) -> None:
    if not glob or glob.startswith("/") or "\\" in glob or ".." in glob.split("/") or not glob.isprintable():
        message = "It is a pattern of paths below the URL, such as *.csv or 2026/**/orders-*.csv.gz."
        raise InputError("invalid_source", "The pattern can't be used.", errors=[FieldError("/source/glob", message)])


@contextmanager
def _reached(url: str) -> Iterator[None]:
    """Storages' libraries have errors of their own, whose texts may hold more than a user should see."""
    try:
        yield
    except (StepmillError, FileNotFoundError):
        raise
    except Exception as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise UnavailableError("place_unreachable", f"The place {url} can't be read: {why}.") from error


def _find(url: str, glob: str) -> list[FoundFile]:
    with _reached(url):
        fs, root = url_to_fs(url, use_listings_cache=False)
        root = root.rstrip("/")
        if fs.protocol in ("file", ("file", "local")) and not Path(root).is_dir():
            raise UnavailableError("place_unreachable", f"The place {url} can't be read: there is no such folder.")
        infos: dict[str, Any] = fs.glob(f"{root}/{glob}", detail=True)
        files = [_found(root, info) for info in infos.values() if info.get("type") != "directory"]
    kept = [file for file in files if file.size != 0 and not _is_hidden(file.path, glob)]
    shown = [file for file in kept if _stays_inside(url, file.path)]
    if len(shown) > MOST_FILES:
        raise DataError(
            "too_many_files", f"The place has {len(shown):,} files; {MOST_FILES:,} are the most. Narrow it."
        )
    return sorted(shown, key=lambda file: file.path)


@contextmanager
def _file(url: str, path: str) -> Iterator[tuple[Any, str, str]]:
    """The storage, where its place begins in it, and the file's path there."""
    try:
        with _reached(url):
            if not _stays_inside(url, path):
                raise FileNotFoundError(path)
            fs, root = url_to_fs(url, use_listings_cache=False)
            root = root.rstrip("/")
            yield fs, root, f"{root}/{path}"
    except FileNotFoundError:
        raise DataError("place_file_gone", f"The file {path!r} is no longer in {url}. Scan the place again.") from None


def _look(url: str, path: str) -> FoundFile:
    with _file(url, path) as (fs, root, name):
        return _found(root, fs.info(name))


def _open(url: str, path: str) -> Any:
    with _file(url, path) as (fs, _, name):
        return fs.open(name, "rb")


def _block(file: Any, url: str) -> bytes:
    with _reached(url):
        block: bytes = file.read(_READ_BYTES)
        return block


def _found(root: str, info: dict[str, Any]) -> FoundFile:
    path = str(info["name"])
    below = path.removeprefix(root).lstrip("/")
    if "ino" in info:  # a local file: of a link this tells what it leads to, and the time to the nanosecond
        return _local(Path(path), below)
    told = [f"{key}={info[key]}" for key in _MARKS if info.get(key) is not None]
    size = info.get("size")
    return FoundFile(below, None if size is None else int(size), " ".join(told))


def _local(file: Path, below: str) -> FoundFile:
    try:
        stat = file.stat()
    except OSError:  # gone since it was listed, or a link that leads nowhere
        return FoundFile(below, 0, "")
    size = stat.st_size if S_ISREG(stat.st_mode) else 0
    return FoundFile(below, size, f"mtime={stat.st_mtime_ns} size={size} ino={stat.st_ino}")


def _is_hidden(path: str, glob: str) -> bool:
    return any(part.startswith(".") for part in path.split("/")) and not glob.startswith(".") and "/." not in glob


def _stays_inside(url: str, path: str) -> bool:
    """A link in a folder may lead out of it."""
    if ".." in path.split("/"):
        return False
    if not url.startswith("file://"):
        return True
    root = Path(url.removeprefix("file://"))
    return (root / path).resolve().is_relative_to(root)
