"""A ``stepmill serve`` for one measurement, with a folder for the files that it loads."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepmill.cli.own_server import Started, started_server


@contextmanager
def served_folder() -> Iterator[tuple[Started, Path]]:
    """The server, and a folder that is removed with it; the server's data is in ``data`` there.

    Root's PostgreSQL runs as another user, who must get through the folder to its own.
    """
    with tempfile.TemporaryDirectory(prefix="stepmill-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with started_server(folder / "data", port=0) as server:
            yield server, folder
