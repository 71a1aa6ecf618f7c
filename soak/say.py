"""Lines of output, with the seconds since the start."""

import sys
import threading
import time
from collections.abc import Callable

Say = Callable[[str], None]


def sayer() -> Say:
    """A function that writes lines, whole even if threads write at once."""
    began, lock = time.monotonic(), threading.Lock()

    def say(text: str) -> None:
        with lock:
            sys.stdout.write(f"{time.monotonic() - began:8.1f}  {text}\n")
            sys.stdout.flush()

    return say
