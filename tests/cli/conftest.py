"""One server for the tests that only use one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import Serve, serving_fresh

PLUGIN = Path(__file__).parent / "plugin"
"""A job type as another package would bring it: found by its entry point."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the embedded database's user can reach: each pytest that starts closes the one above `tmp_path`."""
    with tempfile.TemporaryDirectory(prefix="stepmill-tests-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="session")
def server() -> Iterator[Serve]:
    """A running server, shared by the tests of a process."""
    with serving_fresh(PYTHONPATH=str(PLUGIN)) as running:
        yield running
