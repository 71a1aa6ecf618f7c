"""How a worker tells the machine it runs on that it is well: it has no port that could be asked.

Two files, whose time of change counts. ``alive`` is fresh as long as the event loop turns, whatever the database does:
a worker in which it grows old is stuck and should be started again. ``beat`` is fresh as long as the database takes the
worker's heartbeats: one in which it grows old is well, but takes no jobs now.
"""

import asyncio
from pathlib import Path

import structlog

from stepmill.errors import ConfigurationError

ALIVE = "alive"
BEAT = "beat"

_log = structlog.get_logger(__name__)


class Probe:
    """The files of one worker, in ``folder``; without a folder there are none."""

    def __init__(self, folder: Path | None, heartbeat_seconds: float) -> None:
        self._folder = folder
        self._heartbeat_seconds = heartbeat_seconds
        self._failing = False
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                for name in (ALIVE, BEAT):  # another worker's, who had the folder before
                    (folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise ConfigurationError(
                    "probe_dir_unusable",
                    f"STEPMILL_WORKER_PROBE_DIR, {folder}, can't be used: {error.strerror}. Name a folder that the "
                    "worker may write to.",
                ) from error

    async def run(self) -> None:
        """Keep ``alive`` fresh until cancelled."""
        while True:
            self._touch(ALIVE)
            await asyncio.sleep(self._heartbeat_seconds)

    def beat(self) -> None:
        """The database took a heartbeat."""
        self._touch(BEAT)

    def _touch(self, name: str) -> None:
        if self._folder is None:
            return
        try:
            (self._folder / name).touch()
            self._failing = False
        except OSError as error:  # the supervisor will see that the file grows old; said once
            if not self._failing:
                _log.warning("probe_not_written", file=name, error=type(error).__name__)
            self._failing = True
