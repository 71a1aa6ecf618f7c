"""``python -m soak [--minutes N] [--seed N]``: ends with 1 and the seed if a promise was not kept.

What is killed when is told by the seed; what that hits is not, so a violation may need several runs to show again.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from random import Random

from soak.aftermath import violations
from soak.deployment import Deployment
from soak.faults import Faults
from soak.loads import Area
from soak.say import sayer
from stepmill.client import LoadMode

MODES: tuple[LoadMode, ...] = ("replaceFile", "replace", "append", "upsert")


def main() -> int:
    """Run for a while, or until Ctrl-C, then look at what is left."""
    parser = argparse.ArgumentParser(prog="python -m soak", description="Load while everything is killed at random.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default 10; 0: until Ctrl-C)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="what is killed when (default: random)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and database")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stepmill-soak-"))
    folder.chmod(0o711)  # root's PostgreSQL runs as another user, who must get through to its own folder
    say = sayer()
    say(f"seed {arguments.seed}, in {folder}")
    found = soak(folder, arguments.seed, arguments.minutes * 60 or float("inf"))
    for each in found:
        say(f"VIOLATION: {each}")
    say(f"{len(found)} violations. Seed {arguments.seed}." if found else "Everything was as promised.")
    if found or arguments.keep:
        say(f"Logs and database are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if found else 0


def soak(folder: Path, seed: int, seconds: float) -> list[str]:
    """Run, and give what was not as promised."""
    random = Random(seed)  # noqa: S311  (chance, no secret)
    say, ending, found = sayer(), threading.Event(), list[str]()
    with Deployment(folder, say) as deployment:
        areas = [Area(deployment, mode, Random(random.random()), say, ending) for mode in MODES]  # noqa: S311
        faults = Faults(deployment, random, say)
        threads = [threading.Thread(target=_run, args=(area, found, ending), daemon=True) for area in areas]
        with faults.happening():
            for thread in threads:
                thread.start()
            _wait(ending, seconds)
        say("No more faults; waiting for the last loads.")
        ending.set()
        for thread in threads:
            thread.join()
        jobs = [job_id for area in areas for job_id in area.jobs]
        found += violations(deployment, jobs)
        happened = ", ".join(f"{count} x {name}" for name, count in sorted(faults.counts.items()))
        say(f"{len(jobs)} jobs; faults: {happened}")
    return found


def _run(area: Area, found: list[str], ending: threading.Event) -> None:
    try:
        area.run()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is what the run found)
        traceback.print_exc()
        found.append(f"{type(error).__name__}: {error}")
        ending.set()


def _wait(ending: threading.Event, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline and not ending.wait(1):
            continue
    except KeyboardInterrupt:
        ending.set()


if __name__ == "__main__":
    sys.exit(main())
