"""The embedded server's processes: starting them, finding those that an earlier owner left, and ending them."""

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from stepmill.gateways.sql.server_files import ServerUser

#: Waits for the owner's end of the pipe to close, then ends the server: politely, and after 10 s at once.
_WATCHDOG = """\
read -r _
ours() { [ "$(head -n 1 "$2" 2>/dev/null)" = "$1" ] && kill -0 "$1" 2>/dev/null; }
ours "$@" && kill -INT "$1"
n=0
while ours "$@" && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
ours "$@" && kill -QUIT "$1"
"""


def spawn(
    command: Sequence[str | Path], user: ServerUser, *, stdin: int, output: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a process as ``user``, in a session of its own: a terminal's Ctrl-C is for Stepmill, which then ends it."""
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        start_new_session=True,
        user=None if user.is_me else user.uid,
        group=None if user.is_me else user.gid,
        extra_groups=None if user.is_me else [],
    )


def spawn_watchdog(server_pid: int, data: Path, user: ServerUser) -> subprocess.Popen[bytes]:
    """Start the process that ends the server when this end of its pipe closes, however this process ends."""
    command: list[str | Path] = ["/bin/sh", "-c", _WATCHDOG, "stepmill-watchdog", str(server_pid)]
    command.append(data / "postmaster.pid")
    return spawn(command, user, stdin=subprocess.PIPE, output=subprocess.DEVNULL)


def processes_in(data: Path) -> list[psutil.Process]:
    """The server's processes: all of them work in the data folder."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error, OSError):
            if process.info["name"].startswith("postgres") and Path(process.cwd()) == data:
                found.append(process)
    return found


def end_processes(processes: Sequence[psutil.Process], main_pid: int) -> None:
    """End a server that is not our child: by its main process if that lives, and then whatever of it is left."""
    main = [process for process in processes if process.pid == main_pid]
    for group, number, seconds in (
        (main, signal.SIGINT, 10),
        (processes, signal.SIGQUIT, 10),
        (processes, signal.SIGKILL, 10),
    ):
        alive = [process for process in group if process.is_running()]
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        psutil.wait_procs(alive, timeout=seconds)
