"""What comes from npm, installed once for each lock file."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs
import pytest

from tests.cli.processes import clean_environment

_MANIFEST = ("package.json", "package-lock.json")
_UNREACHABLE = re.compile(r"npm error code (ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENOTCACHED)")


def installed(folder: Path) -> Path:
    """The ``node_modules`` for the lock file in ``folder``, which itself is left as it is.

    Kept in the user's cache, so that the next run needs no network. Skips the test where npm can't do its work.
    """
    lock = (folder / "package-lock.json").read_bytes()
    kept = platformdirs.user_cache_path("stepmill-tests") / "npm" / hashlib.sha256(lock).hexdigest()[:16]
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix="new-") as made:
            _install(folder, Path(made) / "it")
            with suppress(OSError):  # another process was quicker
                (Path(made) / "it").rename(kept)
    return kept / "node_modules"


def _install(folder: Path, into: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    into.mkdir()
    for name in _MANIFEST:
        shutil.copy(folder / name, into)
    command = (npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, timeout=300, env=clean_environment())
    if _UNREACHABLE.search(done.stderr):
        pytest.skip("npm's registry can't be reached, so there are no tools for this test")
    assert done.returncode == 0, done.stderr
