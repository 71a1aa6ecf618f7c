"""A deployment of separate processes: PostgreSQL behind a proxy, two apis, three workers. What dies starts again."""

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx
import psutil
import psycopg

from soak.clock import moved_clock
from soak.disk import ArtifactDisk
from soak.proxy import Proxy
from soak.say import Say
from stepmill.errors import StepmillError
from stepmill.gateways.sql.embedded import EmbeddedPostgres

WORKERS = ("worker-1", "worker-2", "worker-3")
APIS = ("api-1", "api-2")
MOVED = "worker-2"
"""The worker whose clock is moved."""

_SETTINGS = {
    "STEPMILL_HEARTBEAT_SECONDS": "0.5",
    "STEPMILL_DEAD_AFTER_SECONDS": "2.5",
    "STEPMILL_SWEEP_SECONDS": "0.5",
    "STEPMILL_MAX_CRASHES": "1000",  # here a step crashes often, and never by its own fault
    "STEPMILL_BACKOFF_BASE_SECONDS": "0.5",
    "STEPMILL_BACKOFF_MAX_SECONDS": "2",
    "STEPMILL_WORKER_CONCURRENCY": "4",
}
_PLUGIN = Path(__file__).parent / "plugin"
_LOOK_SECONDS = 0.1
_READY_SECONDS = 60.0


class Deployment:
    """Its processes, by name, and the addresses of its apis. A context manager."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.proxy = Proxy(lambda: folder / "postgres" / "socket" / ".s.PGSQL.5432")
        self.disk = ArtifactDisk(folder / "blobs")
        self.clock = folder / "clock"
        self.token = secrets.token_hex(16)
        self._say = say
        self._ports = {name: _free_port() for name in APIS}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep_running, name="soak keeper", daemon=True)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.disk.__enter__()
        self.postgres.start()
        with psycopg.connect(self.postgres.superuser_url, autocommit=True) as conn:
            # Processes die here and not the machine: what they wrote is there, and restarts don't wait for the disk.
            conn.execute("ALTER SYSTEM SET fsync = off")
            conn.execute("SELECT pg_reload_conf()")
        self.proxy.__enter__()
        self._run_to_end("migrate")
        for name in (*APIS, *WORKERS):
            self._start(name)
        self._wait_until_ready()
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end_processes()
        self.proxy.__exit__()
        self.postgres.stop()
        self.disk.__exit__()

    def end_processes(self) -> None:
        """End workers and apis in order; PostgreSQL stays."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._keeper.join()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def urls(self) -> list[str]:
        """Where the apis answer."""
        return [f"http://127.0.0.1:{port}" for port in self._ports.values()]

    def process(self, name: str) -> psutil.Process | None:
        """One of its processes, unless it is dead just now."""
        with self._lock, suppress(psutil.NoSuchProcess):
            return psutil.Process(self._processes[name].pid)
        return None

    def strays(self) -> list[str]:
        """Processes of this deployment that no parent of its own has: there should be none once all are ended."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get("STEPMILL_DATA_DIR") == str(self.folder):
                    found.append(" ".join(process.cmdline()))
        return found

    def _keep_running(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            if not self.postgres.running:
                self._say("  PostgreSQL is started again")
                try:
                    self.postgres.restart()
                except StepmillError as error:  # killed again while it started
                    self._say(f"  {error}")
            for name, process in list(self._processes.items()):
                if process.poll() is not None:
                    self._start(name)

    def _start(self, name: str) -> None:
        command = ["worker", f"--worker-id={name}-{secrets.token_hex(3)}"]
        if name in APIS:
            command = ["api", f"--port={self._ports[name]}"]
        clock = moved_clock(self.clock) if name == MOVED else {}
        with (self.folder / f"{name}.log").open("ab") as log, self._lock:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "stepmill.cli", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment() | clock,
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        """An api that can't start would be waited for in vain later."""
        deadline = time.monotonic() + _READY_SECONDS
        for name, url in zip(APIS, self.urls, strict=True):
            while not _is_ready(url):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{name} does not start: {(self.folder / f'{name}.log').read_text()[-2000:]}")
                time.sleep(_LOOK_SECONDS)

    def _run_to_end(self, command: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "stepmill.cli", command],
            check=True,
            stdout=subprocess.DEVNULL,
            env=self._environment(),
        )

    def _environment(self) -> dict[str, str]:
        given = {name: value for name, value in os.environ.items() if not name.startswith("STEPMILL_")}
        ours = {
            "PYTHONPATH": os.pathsep.join([str(_PLUGIN), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "STEPMILL_DATABASE_URL": f"postgresql://stepmill@127.0.0.1:{self.proxy.port}/stepmill",
            "STEPMILL_DATA_DIR": str(self.folder),
            "STEPMILL_BLOB_URL": str(self.disk.folder),
            "STEPMILL_TOKEN": self.token,
        }
        return given | _SETTINGS | ours


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
