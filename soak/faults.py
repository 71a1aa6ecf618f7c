"""Faults, at random but by a seed: which, when, and for how long.

Two threads make them. One kills workers, over and over; the other makes everything else, one fault after the other.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random

import psutil
import psycopg

from soak.clock import move_clock
from soak.deployment import APIS, WORKERS, Deployment
from soak.patience import looking
from soak.processes import Hands
from soak.say import Say

_KILL_PAUSE_SECONDS = (0.4, 1.8)
_WORK_SECONDS = (0.2, 5.0)
_WHICHEVER_SHARE = 0.2
_KILLS_EACH_SECOND = 0.58
"""At least so many, however slowly workers start: then one is killed that had no time to work."""
_PAUSE_SECONDS = (0.5, 3.5)
_FREEZE_SECONDS = (0.2, 6.0)
"""Shorter and longer than the silence after which a worker counts as dead."""
_SHORT_SECONDS = (0.5, 4.0)
_CLOCK_SECONDS = 100_000
_KILLED = "worker killed"

Act = Callable[[], bool]


@dataclass
class Faults:
    """Makes faults for as long as it is entered."""

    deployment: Deployment
    random: Random
    say: Say
    counts: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """What ended the making of faults before its time: a fault of the soak itself."""

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._began = 0.0
        self._killing = Random(self.random.random())  # noqa: S311
        self._hands = Hands(self.deployment, self.random, self._wait)
        hands = self._hands
        self._kinds: list[tuple[str, int, Act]] = [
            ("worker frozen with its children", 6, lambda: self._freeze(hands.family(self._worker()))),
            ("worker frozen alone", 2, lambda: self._freeze(hands.known(self._worker()))),
            ("computing process killed", 3, lambda: hands.kill(self._child())),
            ("computing process frozen", 1, lambda: self._freeze(hands.known(self._child()))),
            ("worker stopped in order", 2, lambda: hands.terminate(self._worker())),
            ("api killed", 1, lambda: hands.kill(self._api())),
            ("api frozen", 2, lambda: self._freeze(hands.known(self._api()))),
            ("PostgreSQL restarted at once", 4, hands.stop_postgres_at_once),
            ("PostgreSQL killed", 1, lambda: hands.kill(hands.postgres())),
            ("backend of PostgreSQL killed", 1, lambda: hands.kill(hands.backend())),
            ("PostgreSQL frozen", 1, lambda: self._freeze(hands.family(hands.postgres()))),
            ("backends terminated", 4, self._terminate_backends),
            ("all connections cut", 2, lambda: self.deployment.proxy.cut(self.random) > 0),
            ("some connections cut", 4, lambda: self.deployment.proxy.cut(self.random, 0.4) > 0),
            ("connections left half open", 3, self._leave_half_open),
            ("connections delayed", 2, self._delay),
            ("network silent", 2, self._be_silent),
            ("artifact disk filled", 2, self._fill_disk),
            ("worker's clock moved", 2, self._move_clock),
        ]

    @contextmanager
    def happening(self) -> Iterator[None]:
        """Faults happen while the block runs, and none after it."""
        self._began = time.monotonic()
        threads = [
            threading.Thread(target=self._guarded, args=(run,), daemon=True)
            for run in (self._kill_workers, self._make_others)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ending.set()
            for thread in threads:
                thread.join()
            self.deployment.proxy.heal()
            self.deployment.disk.free()

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001  (whatever it is, a run without faults proves nothing)
            self.broken.append(f"no more faults were made: {type(error).__name__}: {error}")

    def _kill_workers(self) -> None:
        while not self._ending.wait(self._killing.uniform(*_KILL_PAUSE_SECONDS)):
            with suppress(psutil.Error, ProcessLookupError, psycopg.OperationalError):
                self._made(_KILLED, self._hands.kill(self._victim()), loud=False)

    def _victim(self) -> psutil.Process | None:
        """Mostly a worker that had some time to work, the one that lives longest; now and then whichever."""
        processes = [process for name in WORKERS if (process := self.deployment.process(name))]
        if self.counts.get(_KILLED, 0) < (time.monotonic() - self._began) * _KILLS_EACH_SECOND:
            return min(processes, key=lambda process: process.create_time(), default=None)
        if self._killing.random() < _WHICHEVER_SHARE:
            return self._killing.choice(processes or [None])
        with looking(self.deployment) as conn:
            rows = conn.execute(
                "SELECT pid FROM workers WHERE started_at < clock_timestamp() - make_interval(secs => %s)",
                (self._killing.uniform(*_WORK_SECONDS),),
            ).fetchall()
        at_work = [process for process in processes if (process.pid,) in rows]
        return min(at_work, key=lambda process: process.create_time(), default=None)

    def _make_others(self) -> None:
        names = [name for name, _, _ in self._kinds]
        weights = [weight for _, weight, _ in self._kinds]
        acts = {name: act for name, _, act in self._kinds}
        while not self._ending.wait(self.random.uniform(*_PAUSE_SECONDS)):
            name = self.random.choices(names, weights)[0]
            with suppress(psutil.Error, ProcessLookupError, psycopg.OperationalError):
                self._made(name, acts[name]())

    def _made(self, name: str, really: bool, *, loud: bool = True) -> None:
        if really:
            self.counts[name] = self.counts.get(name, 0) + 1
            if loud:
                self.say(f"  fault: {name}")

    def _worker(self) -> psutil.Process | None:
        return self.deployment.process(self.random.choice(WORKERS))

    def _api(self) -> psutil.Process | None:
        return self.deployment.process(self.random.choice(APIS))

    def _child(self) -> psutil.Process | None:
        worker = self._worker()
        return self.random.choice(worker.children() or [None]) if worker else None

    def _wait(self, seconds: tuple[float, float]) -> None:
        self._ending.wait(self.random.uniform(*seconds))

    def _freeze(self, processes: Sequence[psutil.Process]) -> bool:
        return self._hands.freeze(processes, _FREEZE_SECONDS)

    def _terminate_backends(self) -> bool:
        """All of them, those of jobs alone, or every second one."""
        which = self.random.choice(["true", "application_name LIKE 'stepmill:job%'", "pid % 2 = 0"])
        with looking(self.deployment) as conn:
            row = conn.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                f" WHERE application_name LIKE 'stepmill:%' AND {which}"
            ).fetchone()
        return bool(row and row[0])

    def _leave_half_open(self) -> bool:
        return self.deployment.proxy.leave_half_open(self.random, 0.4, self.random.uniform(*_FREEZE_SECONDS)) > 0

    def _delay(self) -> bool:
        self.deployment.proxy.set_delay(self.random.uniform(0.01, 0.2))
        self._wait(_SHORT_SECONDS)
        self.deployment.proxy.set_delay(0)
        return True

    def _be_silent(self) -> bool:
        """What was sent goes on later, or never: half of the time the connections are cut at its end."""
        self.deployment.proxy.swallow(True)
        self._wait(_FREEZE_SECONDS)
        if self.random.random() < 0.5:
            self.deployment.proxy.cut(self.random)
        self.deployment.proxy.swallow(False)
        return True

    def _fill_disk(self) -> bool:
        try:
            filled = self.deployment.disk.fill()
            self._wait(_SHORT_SECONDS)
        finally:
            self.deployment.disk.free()
        return filled

    def _move_clock(self) -> bool:
        move_clock(self.deployment.clock, self.random.randint(-_CLOCK_SECONDS, _CLOCK_SECONDS))
        return True
