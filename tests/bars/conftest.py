"""Servers and large files for the bars. Each test module has a server of its own, since some break it on purpose."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench.make_csv import write_csv

from tests.bars.platform import Platform
from tests.cli.processes import serving_fresh
from tests.conftest import FIGURE
from tests.support.processes import TIGHT

WITH_PLUGIN = {
    "PYTHONPATH": os.pathsep.join(
        [str(Path(__file__).parent / "plugin"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
}
"""Job types that talk and fail, as another package would bring them."""

Figures = Callable[[str], None]

ROWS = 1_000_000
RAGGED = 10


@pytest.fixture(scope="session")
def big_files() -> Iterator[Path]:
    """A folder for files that are made once."""
    with tempfile.TemporaryDirectory(prefix="stepmill-tests-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="session")
def million(big_files: Path) -> Path:
    """A CSV of 1,000,000 rows, none of them wrong."""
    path = big_files / "million.csv"
    write_csv(path, ROWS)
    return path


@pytest.fixture(scope="session")
def million_ragged(million: Path) -> Path:
    """The same with rows of too few fields here and there, which are rejected."""
    path = million.with_name("million_ragged.csv")
    with million.open("rb") as source, path.open("wb") as target:
        for number, line in enumerate(source):
            target.write(line)
            if number % (ROWS // RAGGED) == 1:
                target.write(b"only,three,fields\n")
    return path


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """A server that notices a dead worker within three seconds."""
    with (
        serving_fresh(**WITH_PLUGIN, **TIGHT) as running,
        running.connect() as client,
    ):
        yield Platform(running, client)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Notes what was measured; the run prints it at its end, whether the test passes or not."""

    def note(text: str) -> None:
        request.node.user_properties.append((FIGURE, text))

    return note
