"""A deployment over several hosts, as one machine can have it: each host has a data folder of its own.

They share one PostgreSQL and one folder for files and artifacts, and know nothing of one another.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psycopg

from stepmill.client import Client
from tests.cli.processes import clean_environment
from tests.support.database import DatabaseServer
from tests.support.processes import TIGHT

TOKEN = "a token of the tests"
END_SECONDS = 40.0


class Fleet:
    """The processes of some hosts. A context manager; what still runs at its end is told to stop."""

    def __init__(self, server: DatabaseServer, database: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.store = folder / "store"
        self._folder = folder
        self._superuser_url = server.url_of(database, user="postgres")
        self._settings = {
            **TIGHT,
            "STEPMILL_DATABASE_URL": server.url_of(database),
            "STEPMILL_BLOB_URL": str(self.store),
            "STEPMILL_TOKEN": TOKEN,
            **settings,
        }
        self._processes: list[subprocess.Popen[str]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        running = [process for process in self._processes if process.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._stack.close()

    def data_dir(self, host: str) -> Path:
        """The host's own folder, which no other host sees."""
        return self._folder / host

    def start(self, host: str, *command: str, **settings: str) -> "subprocess.Popen[str]":
        """Run a command of Stepmill's on a host."""
        log = self._stack.enter_context((self._folder / f"{host}.log").open("a"))
        process = self._stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "stepmill.cli", *command, f"--data-dir={self.data_dir(host)}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=clean_environment(**{**self._settings, **settings}),
            )
        )
        self._processes.append(process)
        return process

    def start_api(self, host: str, **settings: str) -> str:
        """An api on a free port. Answers its address once it is ready."""
        process = self.start(host, "api", "--json", "--port=0", **settings)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, self.log_of(host)
        return str(json.loads(line)["url"])

    def start_worker(self, host: str, worker_id: str, *options: str, **settings: str) -> "subprocess.Popen[str]":
        """A worker that is known by a name."""
        return self.start(host, "worker", f"--worker-id={worker_id}", *options, **settings)

    def refused(self, host: str, *command: str, **settings: str) -> tuple[int, str]:
        """Run a command that must end by itself: its exit status, and what it says."""
        before = len(self.log_of(host))
        return self.start(host, *command, **settings).wait(END_SECONDS), self.log_of(host)[before:]

    def log_of(self, host: str) -> str:
        """What the host's processes said."""
        path = self._folder / f"{host}.log"
        return path.read_text() if path.exists() else ""

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a superuser's statement finds, by plain SQL."""
        with self.connect() as conn:
            return conn.execute(statement.encode(), values).fetchall()

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A superuser's connection."""
        conn = psycopg.connect(self._superuser_url, application_name="fleet", autocommit=True)
        conn.execute("SET search_path = stepmill")
        return conn

    def workers(self) -> set[str]:
        """The workers that have said they are there, and not that they go."""
        return {str(row[0]) for row in self.rows("SELECT worker_id FROM workers")}


def client_of(url: str) -> Client:
    """A client that is patient."""
    return Client(url, TOKEN, retries=8)


def ended(process: "subprocess.Popen[str]", seconds: float) -> int | None:
    """The exit status of a process that was told to stop; None if it has not in that time."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def kill(process: "subprocess.Popen[str]") -> None:
    """`kill -9`, and be sure that it hit."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
