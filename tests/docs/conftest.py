"""One server for the tests that follow the pages."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import Serve, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Serve]:
    """A running server, shared by the tests of a process."""
    with (
        tempfile.TemporaryDirectory(prefix="stepmill-tests-", ignore_cleanup_errors=True) as path,
        serving(Path(path) / "data") as running,
    ):
        yield running
