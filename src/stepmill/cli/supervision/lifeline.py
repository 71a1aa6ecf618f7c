"""A child that never outlives its parent, however the parent ends.

The parent keeps the other end of the child's standard input. When it ends, even by `kill -9`, the pipe closes. On Linux
the kernel also kills the child, which works on one that is frozen and can't see its pipe.
"""

import os
import signal
import threading
from collections.abc import Callable

from stepmill.lifelines import die_with


def die_with_parent() -> None:
    """End this process at once when its parent has ended."""
    die_with(os.getppid())
    _when_input_closes(lambda: os._exit(1))


def stop_with_parent() -> None:
    """End this process in order, as by SIGTERM, when its parent has ended."""
    _when_input_closes(lambda: os.kill(os.getpid(), signal.SIGTERM))


def _when_input_closes(end: Callable[[], None]) -> None:
    # A file descriptor of its own: standard input itself is turned to nothing, so that no library waits on the pipe.
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> None:
        while os.read(pipe, 1):
            continue
        end()

    threading.Thread(target=wait, name="stepmill lifeline", daemon=True).start()
