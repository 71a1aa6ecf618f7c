"""A job kept up to date by its events."""

import copy
from collections.abc import Mapping
from typing import Any

from stepmill.client import Event

_OF_THE_JOB = ("status", "attempt", "waiting", "error", "result", "cancelRequestedAt")
_OF_A_STEP = ("status", "attempt", "startedAt", "finishedAt", "output", "error", "progress")


class JobView:
    """What is known of a job. `job` has the shape of the contract."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self.job: dict[str, Any] = copy.deepcopy(dict(job))  # the caller's stays as it is

    @property
    def status(self) -> str:
        """The job's status."""
        return str(self.job["status"])

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The job's steps, in order."""
        return list(self.job["steps"])

    def apply(self, event: Event) -> None:
        """Take an event in."""
        if event.kind == "snapshot":
            self.job = copy.deepcopy(event.data)
        elif event.kind in ("status", "end"):
            self._update(self.job, event.data, _OF_THE_JOB)
        elif event.kind == "step":
            self._update(self._step(event.data.get("name")), event.data, _OF_A_STEP)
        elif event.kind == "progress":
            step = self._step(event.data.get("step"))
            step["progress"] = {key: event.data.get(key) for key in ("done", "total", "unit", "message")}

    def _step(self, name: object) -> dict[str, Any]:
        return next((step for step in self.job["steps"] if step["name"] == name), {})

    @staticmethod
    def _update(target: dict[str, Any], data: Mapping[str, Any], names: tuple[str, ...]) -> None:
        target.update({name: data[name] for name in names if name in data})
