"""One run: users and loads in threads, faults beside them, and the look at what is left."""

import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from soak.aftermath import violations
from soak.deployment import Deployment
from soak.faults import Faults
from soak.loads import Area
from soak.patience import looking, patiently
from soak.say import Say
from soak.users import User
from stepmill.client import LoadMode

_MODES: tuple[LoadMode, ...] = ("replaceFile", "replace", "append", "upsert", "replacePartition")
_USERS = 3
_SAY_SECONDS = 30.0

EFFECTS = """
CREATE SCHEMA soak;
CREATE TABLE soak.effects (
    job_id text NOT NULL,
    step text NOT NULL,
    attempt integer NOT NULL,
    pid integer NOT NULL,
    began timestamptz,
    ended timestamptz NOT NULL,
    value text NOT NULL
);
CREATE INDEX ON soak.effects (job_id);
GRANT USAGE ON SCHEMA soak TO stepmill_loader;
GRANT INSERT ON soak.effects TO stepmill_loader;
"""


@dataclass
class Ended:
    """What came of it."""

    found: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    record: dict[str, dict[str, Any]] = field(default_factory=dict)
    summary: str = ""


def soak(folder: Path, seed: int, seconds: float, say: Say) -> Ended:
    """Run, and give what was not as promised."""
    random, ending, ended = Random(seed), threading.Event(), Ended()  # noqa: S311  (chance, no secret)
    with Deployment(folder, say) as deployment:
        with looking(deployment) as conn:
            conn.execute(EFFECTS)

        def own() -> Random:
            return Random(random.random())  # noqa: S311

        areas = [Area(deployment, mode, own(), say, ending) for mode in _MODES]
        users = [User(deployment, f"user-{number}", own(), say, ending) for number in range(_USERS)]
        faults = Faults(deployment, own(), say)
        runners: list[Area | User] = [*areas, *users]
        threads = [threading.Thread(target=_run, args=(folder, each, ended, ending), daemon=True) for each in runners]
        with faults.happening():
            for thread in threads:
                thread.start()
            _wait(deployment, ending, seconds, faults, say)
        ending.set()
        if not deployment.disk.mounted:
            say("The artifact disk was not filled: only root, on Linux, can mount a small one.")
        say("No more faults; waiting for the last jobs.")
        for thread in threads:
            thread.join()
        for each in runners:
            ended.record |= each.accepted
        ended.found += [*faults.broken, *_looked_at(areas)]
        ended.found += violations(deployment, ended.record)
        ended.faults, ended.summary = faults.counts, patiently(lambda: _summary(deployment))
    return ended


def _run(folder: Path, runner: Area | User, ended: Ended, ending: threading.Event) -> None:
    try:
        runner.run()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is what the run found)
        with (folder / "runners.log").open("a") as log:
            traceback.print_exc(file=log)
        ended.found.append(f"{type(error).__name__}: {error}"[:300])
        ending.set()


def _wait(deployment: Deployment, ending: threading.Event, seconds: float, faults: Faults, say: Say) -> None:
    began = said = time.monotonic()
    try:
        while time.monotonic() < began + seconds and not ending.wait(1):
            if time.monotonic() > said + _SAY_SECONDS:
                said = time.monotonic()
                say(f"{sum(faults.counts.values())} faults; jobs: {patiently(lambda: _summary(deployment))}")
    except KeyboardInterrupt:
        ending.set()


def _summary(deployment: Deployment) -> str:
    """How many jobs there are, by status."""
    with looking(deployment) as conn:
        rows = conn.execute("SELECT status, count(*) FROM jobs GROUP BY 1 ORDER BY 1").fetchall()
        effects = conn.execute("SELECT count(*) FROM soak.effects").fetchone()
    return ", ".join(f"{count} {status}" for status, count in rows) + f"; {effects[0] if effects else 0} effects"


def _looked_at(areas: list[Area]) -> list[str]:
    """Every table once more, now that nothing changes any more."""
    found = []
    for area in areas:
        try:
            area.check_table()
        except Exception as error:  # noqa: BLE001
            found.append(f"{type(error).__name__}: {error}")
    return found
