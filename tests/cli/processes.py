"""Real `stepmill` processes, on loopback ports that are free, ended by their own ids."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from stepmill.client import Client

READY_SECONDS = 60.0


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without any setting of Stepmill's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STEPMILL_")} | more


def stepmill(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    command = [sys.executable, "-m", "stepmill.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment(**environment), timeout=100)


@dataclass(frozen=True)
class Serve:
    """A running `stepmill serve`."""

    process: "subprocess.Popen[str]"
    data_dir: Path
    ready: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    @property
    def token(self) -> str:
        return str(json.loads((self.data_dir / "server.json").read_text())["token"])

    def connect(self) -> Client:
        return Client(self.url, self.token)

    def tree(self) -> list[psutil.Process]:
        """The server's process and all below it."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def child(self, text: str) -> psutil.Process:
        """The child whose command line has `text` in it."""
        return next(child for child in psutil.Process(self.process.pid).children() if text in " ".join(child.cmdline()))

    def has_child(self, text: str, *, other_than: psutil.Process) -> bool:
        """Whether there is such a child that is not the one given."""
        try:
            return self.child(text) != other_than
        except (StopIteration, psutil.NoSuchProcess):
            return False

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command that finds this server by its data folder."""
        return stepmill(*arguments, f"--data-dir={self.data_dir}", **environment)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def serving(data_dir: Path, *arguments: str, under: Sequence[str] = (), **environment: str) -> Iterator[Serve]:
    """A server on a free port, ended after the block. ``under``: the program that runs it, as ``nice`` would."""
    command = [
        *under,
        sys.executable,
        "-m",
        "stepmill.cli",
        "serve",
        "--json",
        "--port=0",
        f"--data-dir={data_dir}",
        *arguments,
    ]
    with (
        (data_dir.parent / f"{data_dir.name}.log").open("w+") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=clean_environment(**environment)
        ) as process,
    ):
        giving_up = threading.Timer(READY_SECONDS, process.kill)
        giving_up.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            giving_up.cancel()
            log.seek(0)
            assert line, log.read()
            server = Serve(process, data_dir, json.loads(line))
            yield server
            server.stop()
        finally:
            giving_up.cancel()
            if process.poll() is None:
                process.kill()


@contextmanager
def serving_fresh(*arguments: str, under: Sequence[str] = (), **environment: str) -> Iterator[Serve]:
    """The same in a data folder of its own, which is gone after the block."""
    with (
        tempfile.TemporaryDirectory(prefix="stepmill-tests-", ignore_cleanup_errors=True) as folder,
        serving(Path(folder) / "data", *arguments, under=under, **environment) as server,
    ):
        yield server


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for what another process does and tells nobody."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
