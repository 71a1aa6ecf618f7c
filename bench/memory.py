"""What a server's worker and its computing processes have resident, at most."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

_LOOK_SECONDS = 0.02


@dataclass
class Peak:
    """The largest sum of their memory, and the largest of one of them; pages that are shared count once."""

    bytes: int = 0
    of_one: int = 0


@contextmanager
def watched(server_pid: int, peak: Peak) -> Iterator[None]:
    """Look at the memory of ``stepmill serve``'s worker again and again while the block runs."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(server_pid, peak, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(server_pid: int, peak: Peak, over: threading.Event) -> None:
    root = psutil.Process(server_pid)
    while not over.wait(_LOOK_SECONDS):
        sizes = []
        for child in root.children():
            with suppress(psutil.Error):
                if "worker" in child.cmdline():
                    sizes += [_resident(process) for process in (child, *child.children(recursive=True))]
        peak.bytes = max(peak.bytes, sum(sizes))
        peak.of_one = max(peak.of_one, *sizes, 0)


def _resident(process: psutil.Process) -> int:
    """Proportional where the system tells it, so that shared pages count once."""
    with suppress(psutil.Error):
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.uss))
    return 0
