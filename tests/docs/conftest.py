"""One server for the tests that follow the pages."""

from collections.abc import Iterator

import pytest

from tests.cli.processes import Serve, serving_fresh


@pytest.fixture(scope="session")
def server() -> Iterator[Serve]:
    """A running server, shared by the tests of a process."""
    with serving_fresh() as running:
        yield running
