"""The disk for files and artifacts: a small one of its own where that can be made, so that it can be filled."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

_SIZE = "3g"
_TRIES = 10
_LEFT_BYTES = 200_000
"""What a full disk has left: enough for a small artifact now and then, not for a large one."""


class ArtifactDisk:
    """A file system in memory, mounted on the folder. A context manager; without the right to mount, a plain folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = False
        self._ballast = folder / "ballast"

    def __enter__(self) -> Self:
        self.folder.mkdir(mode=0o700)
        command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0700", "soak", str(self.folder)]
        try:
            self.mounted = subprocess.run(command, capture_output=True).returncode == 0
        except FileNotFoundError:  # not Linux
            self.mounted = False
        return self

    def __exit__(self, *_: object) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)
            self.mounted = False

    def fill(self) -> bool:
        """Take what is free. False where there is no disk of its own."""
        if not self.mounted:
            return False
        with self._ballast.open("wb") as ballast:
            for _ in range(_TRIES):
                state = os.statvfs(self.folder)
                with suppress(OSError):  # others write there meanwhile
                    os.posix_fallocate(ballast.fileno(), 0, max(1, state.f_bavail * state.f_frsize - _LEFT_BYTES))
                    return True
        return False

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)
