"""When a request is sent again: only when that is safe, and only when it can help."""

import random
from dataclasses import dataclass

import httpx

from stepmill.client.calls import Call
from stepmill.client.problems import retry_after

WORTH_A_RETRY = frozenset({429, 502, 503, 504})
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often a safe request is sent again. Reads are safe, and writes that carry an idempotency key."""

    retries: int = 3

    def wait_after_answer(self, call: Call[object], response: httpx.Response, attempt: int) -> float | None:
        """Seconds to wait before sending `call` again, or None if the answer stands."""
        if response.status_code not in WORTH_A_RETRY or not self._may_repeat(call, attempt):
            return None
        asked = retry_after(response.headers)
        return wait_before(attempt) if asked is None else min(asked, LONGEST_WAIT_SECONDS)

    def wait_after_failure(self, call: Call[object], attempt: int) -> float | None:
        """The same after the connection failed."""
        return wait_before(attempt) if self._may_repeat(call, attempt) else None

    def _may_repeat(self, call: Call[object], attempt: int) -> bool:
        return call.repeatable and attempt < self.retries


def wait_before(attempt: int) -> float:
    """Exponential with full jitter, so that many clients don't come back at once."""
    return random.uniform(0.0, min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempt, 10)))  # noqa: S311  (spreads clients, keeps no secret)
