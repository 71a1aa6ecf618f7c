"""Faults, at random but by a seed: what is killed, what is frozen, and for how long."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random

import psutil

from soak.deployment import API, WORKERS, Deployment
from soak.say import Say

_PAUSE_SECONDS = (0.3, 5.0)
_FREEZE_SECONDS = (0.2, 6.0)
"""Shorter and longer than the silence after which a worker counts as dead."""


@dataclass
class Faults:
    """Makes faults in a thread of its own for as long as it is entered."""

    deployment: Deployment
    random: Random
    say: Say
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._kinds: list[tuple[str, int, Callable[[], bool]]] = [
            ("kill a worker", 4, lambda: self._kill(self._worker())),
            ("freeze a worker with its children", 4, lambda: self._freeze(_family(self._worker()))),
            ("freeze a worker alone", 1, lambda: self._freeze(_known(self._worker()))),
            ("kill a computing process", 4, lambda: self._kill(self._child())),
            ("freeze a computing process", 2, lambda: self._freeze(_known(self._child()))),
            ("stop a worker in order", 2, lambda: self._terminate(self._worker())),
            ("kill the api", 2, lambda: self._kill(self.deployment.process(API))),
            ("freeze the api", 1, lambda: self._freeze(_known(self.deployment.process(API)))),
            ("kill PostgreSQL", 1, lambda: self._kill(self._postgres())),
            ("kill a backend of PostgreSQL", 1, lambda: self._kill(self._backend())),
            ("freeze PostgreSQL", 1, lambda: self._freeze(_family(self._postgres()))),
        ]

    @contextmanager
    def happening(self) -> Iterator[None]:
        """Faults happen while the block runs, and none after it."""
        thread = threading.Thread(target=self._run, name="soak faults", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            thread.join()

    def _run(self) -> None:
        names = [name for name, _, _ in self._kinds]
        weights = [weight for _, weight, _ in self._kinds]
        acts = {name: act for name, _, act in self._kinds}
        while not self._ending.wait(self.random.uniform(*_PAUSE_SECONDS)):
            name = self.random.choices(names, weights)[0]
            with suppress(psutil.Error, ProcessLookupError):
                if acts[name]():
                    self.counts[name] = self.counts.get(name, 0) + 1
                    self.say(f"  fault: {name}")

    def _worker(self) -> psutil.Process | None:
        return self.deployment.process(self.random.choice(WORKERS))

    def _child(self) -> psutil.Process | None:
        worker = self._worker()
        return self.random.choice(worker.children() or [None]) if worker else None

    def _postgres(self) -> psutil.Process | None:
        pid = self.deployment.postgres.pid
        return psutil.Process(pid) if pid else None

    def _backend(self) -> psutil.Process | None:
        server = self._postgres()
        backends = [each for each in server.children() if "stepmill" in "".join(each.cmdline())] if server else []
        return self.random.choice(backends or [None])

    def _kill(self, process: psutil.Process | None) -> bool:
        if process is not None:
            process.kill()
        return process is not None

    def _terminate(self, process: psutil.Process | None) -> bool:
        if process is not None:
            process.terminate()
        return process is not None

    def _freeze(self, processes: Sequence[psutil.Process]) -> bool:
        """Stop them, wait, let them go on. Other faults wait meanwhile."""
        for process in processes:
            with suppress(psutil.Error):
                process.suspend()
        self._ending.wait(self.random.uniform(*_FREEZE_SECONDS))
        for process in processes:
            with suppress(psutil.Error):
                process.resume()
        return bool(processes)


def _known(process: psutil.Process | None) -> list[psutil.Process]:
    return [process] if process is not None else []


def _family(process: psutil.Process | None) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)] if process is not None else []
