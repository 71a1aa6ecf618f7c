"""A small model of a job, told what its events say: which moves are legal, and where the job stands after them.

It knows nothing of the engine: only what `docs/engine.md` promises.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

AT_REST = ("DONE", "ERROR", "CANCELLED")

_JOB_MOVES = {
    "": {"PENDING"},
    "PENDING": {"PENDING", "RUNNING", "CANCELLED"},
    "RUNNING": {"RUNNING", "PENDING", *AT_REST},
    "DONE": set[str](),
    "ERROR": {"PENDING"},
    "CANCELLED": {"PENDING"},
}
_STEP_MOVES = {
    "PENDING": {"RUNNING"},
    "RUNNING": {"DONE", "ERROR", "PENDING"},
    "DONE": {"PENDING"},
    "ERROR": {"PENDING"},
}
_BACK_REASONS = ("crashed", "backoff", "shutdown", "database_lost", "waiting_for_lock", "cancel_requested")


@dataclass
class Replay:
    """One job's events, played again."""

    always: Mapping[str, bool]
    """Its steps in order, and whether each always runs."""
    status: str = ""
    attempt: int = 0
    steps: dict[str, str] = field(default_factory=dict)
    done: list[tuple[str, int]] = field(default_factory=list)
    """Each DONE of a step, with the attempt."""
    ended: bool = False

    def play(self, events: Sequence[tuple[int, str, Mapping[str, Any]]]) -> Iterator[str]:
        """Each (number, kind, data) in order. Gives what is not legal."""
        self.steps = dict.fromkeys(self.always, "PENDING")
        self._running_attempt: dict[str, int] = {}
        for expected, (seq, kind, data) in enumerate(events, start=1):
            if seq != expected:
                yield f"event {seq} where {expected} should be"
                return
            for wrong in self._take(kind, data):
                yield f"event {seq}: {wrong}"

    def _take(self, kind: str, data: Mapping[str, Any]) -> Iterator[str]:
        if self.ended and not (kind in ("status", "step") and data.get("reason") == "retry"):
            yield f"{kind} after the end: {dict(data)}"
        if kind == "status":
            yield from self._take_status(data)
        elif kind == "step":
            yield from self._take_step(data)
        elif kind == "end":
            if data["status"] != self.status or self.status not in AT_REST:
                yield f"the end says {data['status']}, the status before it {self.status}"
            self.ended = True

    def _take_status(self, data: Mapping[str, Any]) -> Iterator[str]:
        before, after, reason = self.status, data["status"], data["reason"]
        if after not in _JOB_MOVES[before]:
            yield f"the job went from {before} to {after}"
        if before in AT_REST and reason != "retry":
            yield f"the job went from {before} to {after} for {reason}"
        if (before, after) == ("RUNNING", "PENDING") and reason not in _BACK_REASONS:
            yield f"the job went back to PENDING for {reason}"
        if data["attempt"] < self.attempt:
            yield f"attempt {data['attempt']} after attempt {self.attempt}"
        if (before, after) == ("PENDING", "RUNNING") and data["attempt"] <= self.attempt:
            yield f"the job began again as attempt {data['attempt']}, which had begun before"
        if after != "RUNNING" and (running := [name for name, at in self.steps.items() if at == "RUNNING"]):
            yield f"the job is {after} while {running} runs"
        if after == "DONE" and (open_ := [name for name, at in self.steps.items() if at != "DONE"]):
            yield f"the job is DONE and {open_} is not"
        self.status, self.attempt = after, data["attempt"]
        self.ended = False

    def _take_step(self, data: Mapping[str, Any]) -> Iterator[str]:
        name, after, reason = data["name"], data["status"], data["reason"]
        before = self.steps[name]
        if after not in _STEP_MOVES[before]:
            yield f"step {name} went from {before} to {after}"
        if before in ("DONE", "ERROR") and reason != "retry":
            yield f"step {name} went from {before} to {after} for {reason}"
        if after == "RUNNING":
            yield from self._begin(name, data["attempt"])
        elif after == "DONE":
            if self._running_attempt.get(name) != data["attempt"]:
                yield f"step {name} is DONE by attempt {data['attempt']}, {self._running_attempt.get(name)} ran it"
            self.done.append((name, data["attempt"]))
        self.steps[name] = after

    def _begin(self, name: str, attempt: int) -> Iterator[str]:
        if self.status != "RUNNING":
            yield f"step {name} runs while the job is {self.status}"
        if attempt < self.attempt:
            yield f"step {name} runs as attempt {attempt}, after attempt {self.attempt}"
        earlier = list(self.steps)[: list(self.steps).index(name)]
        if not self.always[name] and (skipped := [each for each in earlier if self.steps[each] != "DONE"]):
            yield f"step {name} runs before {skipped} are DONE"
        if others := [each for each, at in self.steps.items() if at == "RUNNING"]:
            yield f"step {name} runs beside {others}"
        self.attempt = attempt
        self._running_attempt[name] = attempt
