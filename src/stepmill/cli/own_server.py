"""A server for one command: the one that runs, or one that is started for it and ended after it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from stepmill.cli.instance import running_server
from stepmill.cli.remote import Remote, find_server
from stepmill.client import Client
from stepmill.errors import ConfigurationError, StepmillError, UnavailableError
from stepmill.settings import Settings

STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Started:
    """A server that was started here. `link` signs a browser in, once."""

    url: str
    token: str = field(repr=False)
    link: str
    process: subprocess.Popen[str]

    def connect(self) -> Client:
        """A client of it."""
        return Client(self.url, self.token)


@contextmanager
def server_for(settings: Settings, *, quiet: bool) -> Iterator[Client]:
    """A client of the server that commands go to; one that nobody named and that doesn't run is started."""
    remote = find_server(settings)
    if remote.found or _answers(remote):
        with remote.connect() as client:
            yield client
        return
    if not quiet:
        Console(stderr=True).print(f"[dim]No server runs; starting one on {settings.data_dir} for this command.[/]")
    with started_server(settings.data_dir, port=0) as started, started.connect() as client:
        yield client


@contextmanager
def started_server(data_dir: Path, *, port: int) -> Iterator[Started]:
    """Run `stepmill serve` while the block runs, which begins when the server is ready."""
    command = [sys.executable, "-m", "stepmill.cli", "serve", "--json", "--end-with-stdin"]
    command += [f"--port={port}", f"--data-dir={data_dir}"]
    # A group of its own: Ctrl-C is for the command, which then ends the server in order.
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, process_group=0
        ) as process,
    ):
        try:
            ready = _ready(process, errors)
            note = running_server(data_dir)
            if note is None:
                raise ConfigurationError("server_not_started", "The server ended as soon as it had started.")
            yield Started(note.url, note.token, ready["link"], process)
        finally:
            _stop(process)


def _ready(process: subprocess.Popen[str], errors: IO[str]) -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        process.wait()
        errors.seek(0)
        raise _failure(errors.read())
    ready: dict[str, Any] = json.loads(line)
    return ready


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _answers(remote: Remote) -> bool:
    try:
        with remote.connect() as client:
            client.list_jobs(limit=1)
    except UnavailableError:
        return False
    return True


def _failure(output: str) -> StepmillError:
    """Why the server did not start, in its own words."""
    for line in reversed(output.splitlines()):
        try:
            error = json.loads(line)["error"]
            return ConfigurationError(error["code"], error["message"])
        except (ValueError, KeyError, TypeError):
            continue
    return ConfigurationError("server_not_started", f"The server did not start. {output.strip()[-500:]}")
