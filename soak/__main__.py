"""``python -m soak``: ends with 1 and the seed if a promise was not kept.

``SOAK_SECONDS`` says how long faults are made (600; 0: until Ctrl-C), ``SOAK_SEED`` which and when (else by chance),
``SOAK_KEEP`` that the folder with logs, database and record stays. What a fault hits is not told by the seed, so a
violation may need several runs to show again.
"""

import json
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from soak.run import soak
from soak.say import sayer


def main() -> int:
    """Run for a while, or until Ctrl-C, then look at what is left."""
    seed = int(os.environ.get("SOAK_SEED") or secrets.randbits(32))
    seconds = float(os.environ.get("SOAK_SECONDS") or 600)
    folder = Path(tempfile.mkdtemp(prefix="stepmill-soak-"))
    folder.chmod(0o711)  # root's PostgreSQL runs as another user, who must get through to its own folder
    say = sayer()
    say(f"seed {seed}, {seconds:.0f} s, in {folder}")
    ended = soak(folder, seed, seconds or float("inf"), say)
    (folder / "record.json").write_text(json.dumps(ended.record))
    say("faults: " + ", ".join(f"{count} x {name}" for name, count in sorted(ended.faults.items())))
    say(f"jobs: {ended.summary}")
    for each in ended.found:
        say(f"VIOLATION: {each}")
    if ended.found:
        say(f"{len(ended.found)} violations. Again: SOAK_SECONDS={seconds:.0f} SOAK_SEED={seed} make soak")
    else:
        say(f"Everything was as promised (seed {seed}).")
    if ended.found or os.environ.get("SOAK_KEEP"):
        say(f"Logs, record and database are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if ended.found else 0


if __name__ == "__main__":
    sys.exit(main())
