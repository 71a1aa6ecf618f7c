"""For the process whose clock is moved; elsewhere this does nothing.

Under libfaketime, which leaves the monotonic clock alone as it should, `time.sleep` fails (EINVAL), so it waits
by `select` here. Without libfaketime `time.time` is moved by the seconds that a file says; what is read from C, such as
`datetime.now`, is not.
"""

import os
import select
import time
from pathlib import Path


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


if "FAKETIME_TIMESTAMP_FILE" in os.environ:
    time.sleep = _sleep  # type: ignore[assignment]
elif "SOAK_CLOCK_FILE" in os.environ:
    _real, _real_ns, _file = time.time, time.time_ns, Path(os.environ["SOAK_CLOCK_FILE"])

    def _shift() -> float:
        try:
            return float(_file.read_text())
        except (OSError, ValueError):
            return 0.0

    time.time = lambda: _real() + _shift()
    time.time_ns = lambda: _real_ns() + int(_shift() * 1e9)
