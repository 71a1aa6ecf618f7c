"""A deployment of separate processes: PostgreSQL, one api, two workers. Whatever dies is started again at once."""

import os
import secrets
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from soak.say import Say
from stepmill.client import Client
from stepmill.gateways.sql.embedded import EmbeddedPostgres

WORKERS = ("worker-1", "worker-2")
API = "api"

_SETTINGS = {
    "STEPMILL_HEARTBEAT_SECONDS": "0.5",
    "STEPMILL_DEAD_AFTER_SECONDS": "2.5",
    "STEPMILL_SWEEP_SECONDS": "0.5",
    "STEPMILL_MAX_CRASHES": "1000",  # here a step crashes often, and never by its own fault
    "STEPMILL_BACKOFF_MAX_SECONDS": "2",
}
_LOOK_SECONDS = 0.2


class Deployment:
    """Its processes, by name, and the address of its api. A context manager."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self._say = say
        self._port = _free_port()
        self._token = secrets.token_hex(16)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep_running, name="soak keeper", daemon=True)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.postgres.start()
        self._run_to_end("migrate")
        self._start(API)
        for name in WORKERS:
            self._start(name)
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end_processes()
        self.postgres.stop()

    def end_processes(self) -> None:
        """End workers and api in order; PostgreSQL stays."""
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

    def connect(self) -> Client:
        """A client that is patient with an api that is gone for a while."""
        return Client(f"http://127.0.0.1:{self._port}", self._token, retries=12)

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
                self.postgres.restart()
            for name, process in list(self._processes.items()):
                if process.poll() is not None:
                    self._start(name)

    def _start(self, name: str) -> None:
        command = ["worker", f"--worker-id={name}-{secrets.token_hex(3)}"]
        if name == API:
            command = [API, f"--port={self._port}"]
        with (self.folder / f"{name}.log").open("ab") as log, self._lock:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "stepmill.cli", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
            )

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
            "STEPMILL_DATABASE_URL": self.postgres.url,
            "STEPMILL_DATA_DIR": str(self.folder),
            "STEPMILL_TOKEN": self._token,
        }
        return given | _SETTINGS | ours


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
