"""A server for one command: the one that runs, or one that is started for it and ended after it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from stepmill.cli.remote import Remote, find_server
from stepmill.client import Client
from stepmill.errors import ConfigurationError, StepmillError, UnavailableError
from stepmill.settings import Settings

STOP_SECONDS = 30.0


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
    with started_server(settings.data_dir, port=0) as ready, Client(ready["url"], ready["token"]) as client:
        yield client


@contextmanager
def started_server(data_dir: Path, *, port: int) -> Iterator[dict[str, Any]]:
    """Run `stepmill serve` while the block runs. Gives what it prints when ready: `url`, `token`, `link`, `pid`."""
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
            yield _ready(process, errors)
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
