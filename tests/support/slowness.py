"""How slow the machine is now, for limits on processor time: such a limit is meant for a machine as it usually is."""

import time

_ROUNDS = 5
_ADDITIONS = 1_000_000
_USUAL_SECONDS = 0.08
"""Of a round, on a core of a server of 2023 that nobody else slows down."""


def slowness() -> float:
    """How many times as long as usual a fixed piece of work takes at present; 1.0 where it takes no longer."""
    return max(1.0, min(_round() for _ in range(_ROUNDS)) / _USUAL_SECONDS)


def _round() -> float:
    began = time.process_time()
    total = 0
    for number in range(_ADDITIONS):
        total += number
    assert total
    return time.process_time() - began
