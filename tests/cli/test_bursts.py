"""More connections at once than the process may have open files."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import serving_fresh

FILES = 620
BURST = 1_500
FEW_FILES = ("sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh")


@pytest.fixture
def many_files() -> Iterator[None]:
    """The test's own connections are open files, too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = BURST + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this process may have {hard} open files, and the test needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_burst_takes_no_file_that_the_process_itself_needs() -> None:
    with serving_fresh(under=FEW_FILES) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        assert client.get("/healthz").status_code == 200
        host, port = server.url.removeprefix("http://").split(":")
        with ExitStack() as held:
            for _ in range(BURST):
                connection = held.enter_context(socket.socket())
                connection.setblocking(False)
                connection.connect_ex((host, int(port)))
            assert client.get("/readyz").status_code == 200, "an older connection goes on"
        assert "out of system resource" not in Path(f"{server.data_dir}.log").read_text()
