"""Fixtures that all tests share: a database for each test, on one PostgreSQL for the whole run."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import structlog
from hypothesis import settings

from stepmill.gateways.sql.database import Database
from tests.support.database import DatabaseServer, running_server

# A change is judged by the same examples twice, and by none's time: the machine may be busy with other things.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("fresh", print_blob=True, deadline=None)

FIGURE = "figure"
"""The name of a test's property that says what was measured."""

_SERVER_URL = "stepmill_server_url"
_stack = pytest.StashKey[ExitStack]()
_server = pytest.StashKey[DatabaseServer]()


def _run_server(config: pytest.Config) -> DatabaseServer:
    """The run's server, started by whoever asks first in the process that leads the run."""
    if _server not in config.stash:
        config.stash[_stack] = ExitStack()
        config.stash[_server] = config.stash[_stack].enter_context(running_server())
    return config.stash[_server]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """With xdist the leading process runs the server, because it outlives each worker."""
    node.workerinput[_SERVER_URL] = _run_server(node.config).superuser_url


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server, if this process started it."""
    if _stack in config.stash:
        config.stash[_stack].close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    reports = [each for state in ("passed", "failed") for each in terminalreporter.stats.get(state, ())]
    measured = [
        f"{report.location[0]}: {text}"
        for report in reports
        if report.when == "call"
        for name, text in report.user_properties
        if name == FIGURE
    ]
    if measured:
        terminalreporter.section("figures")
        for line in sorted(measured):
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that a test runs in this process sets the process's logging up, to streams that end with the test."""
    root = logging.getLogger()
    level = root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.setLevel(level)
        for handler in root.handlers[:]:
            if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
                root.removeHandler(handler)


@pytest.fixture(scope="session")
def database_server(pytestconfig: pytest.Config) -> DatabaseServer:
    """The run's PostgreSQL."""
    given = getattr(pytestconfig, "workerinput", None)
    return DatabaseServer(given[_SERVER_URL]) if given else _run_server(pytestconfig)


@pytest.fixture
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """A fresh, migrated database."""
    with database_server.clone() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The fresh database, opened."""
    async with Database(database_url, application_name="tests") as database:
        yield database
