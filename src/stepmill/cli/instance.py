"""The one server of a data folder: its lock, and the note by which commands on the same machine find it.

The note holds the local token, so it is readable by its owner alone.
"""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from stepmill.errors import ConfigurationError


@dataclass(frozen=True)
class Note:
    """What a running server leaves in its data folder."""

    pid: int
    url: str
    token: str


class Instance:
    """The right to be a data folder's server, given up when the process ends, however it does."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock: int | None = None

    @classmethod
    def claim(cls, data_dir: Path) -> Self:
        """Take the folder, or raise :class:`ConfigurationError` that says who has it."""
        instance = cls(data_dir)
        try:
            # Root's PostgreSQL runs as another user, who must get through to its own folder; see server_files.py.
            data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            instance._lock = os.open(data_dir / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _lock(instance._lock, tries=5)
        except BlockingIOError:
            raise _in_use(data_dir) from None
        except OSError as error:
            raise ConfigurationError(
                "data_folder_closed",
                f"{error.filename} can't be used: {error.strerror}. Choose another --data-dir, or start Stepmill as "
                "its owner.",
            ) from None
        return instance

    def publish(self, note: Note) -> None:
        """Let commands on this machine find the server."""
        path = _note_path(self._data_dir)
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(note), file)
        draft.rename(path)

    def release(self) -> None:
        """Give the folder up."""
        _note_path(self._data_dir).unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def running_server(data_dir: Path) -> Note | None:
    """The server that runs on a data folder now, if one does and this user may know."""
    try:
        note = Note(**json.loads(_note_path(data_dir).read_text()))
        with (data_dir / "serve.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return note
    except (OSError, ValueError, TypeError):
        return None
    return None  # nobody holds the lock: the note was left by a server that was killed


def _lock(descriptor: int, *, tries: int) -> None:
    """Take the lock. A command that looks for a server holds it for a moment, so one refusal proves nothing."""
    for left in reversed(range(tries)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not left:
                raise
            time.sleep(0.1)


def _note_path(data_dir: Path) -> Path:
    return data_dir / "server.json"


def _in_use(data_dir: Path) -> ConfigurationError:
    note = running_server(data_dir)
    who = f"Another server (process {note.pid}, {note.url})" if note else "Another server"
    return ConfigurationError(
        "data_folder_in_use", f"{who} already runs on {data_dir}. Use that one, stop it, or choose another --data-dir."
    )
