"""An attempt that runs in this worker."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from stepmill.engine.claim_ahead import ClaimsAhead
from stepmill.engine.interruption import Interruption
from stepmill.engine.job_type import EnvParams, JobType
from stepmill.engine.lock_document import LockDocument
from stepmill.errors import ConflictError


@dataclass(eq=False)
class Attempt:
    """One attempt of one job: what runs, how far it is, and why it must stop."""

    job: dict[str, Any]
    job_type: JobType
    outputs: dict[str, Any]
    index: int | None
    started: float = field(default_factory=time.monotonic)
    interruption: Interruption = field(default_factory=Interruption)
    memo: dict[str, Any] = field(default_factory=dict)  # what its steps know of one another
    turn: str | None = None  # that it has among the worker's jobs, by the lock that it is for
    lock_document: LockDocument | None = None
    claims: ClaimsAhead | None = None
    has_artifacts: bool = False
    status: str | None = None  # the job's, once no step of this attempt is left to run
    stopped_by: str | None = None  # what cut the attempt off, where something did
    last_step: str | None = None  # that ran, or runs
    error_code: str | None = None  # of the last step that failed

    @property
    def key(self) -> tuple[str, int]:
        """Job and attempt number."""
        return self.job["job_id"], self.job["attempt"]

    @property
    def where(self) -> dict[str, Any]:
        """What its log lines carry."""
        # A job that was submitted to another version of its type may be at a step that there no longer is.
        names = {index: step.name for index, step in enumerate(self.job_type.steps)}
        return {
            "job_id": self.job["job_id"],
            "type": self.job["type"],
            "tenant": self.job["tenant_id"],
            "attempt": self.job["attempt"],
            "step": None if self.index is None else names.get(self.index),
        }

    def go_on(self, following: dict[str, Any]) -> None:
        """Take over what the database says comes next: a step, or the job's status where none is left."""
        self.index = following["idx"]
        self.status = following.get("status")

    def seconds_left(self) -> float | None:
        """How long its step may still run: by its own limit and, unless it is an always-step, by the job's."""
        assert self.index is not None
        step = self.job_type.steps[self.index]
        limits = []
        if self.job["timeout_seconds"] is not None and not step.always:
            limits.append(self.started + self.job["timeout_seconds"] - time.monotonic())
        if step.timeout_seconds is not None:
            limits.append(step.timeout_seconds)
        return max(0.0, min(limits)) if limits else None

    @cached_property
    def params(self) -> EnvParams:
        """The job's params, as its type has them."""
        return self.job_type.params.model_validate(self.job["params"])


def check_type(attempt: Attempt, steps: Sequence[str]) -> None:
    """Refuse a job that was submitted to another version of its type: its steps or params are not this one's.

    Raises ConflictError ``job_type_changed``.
    """
    name = attempt.job_type.name
    ours = [step.name for step in attempt.job_type.steps]
    if list(steps) != ours:
        raise ConflictError(
            "job_type_changed",
            f"The job was submitted with the steps {list(steps)}; {name} has the steps {ours} now. Submit it anew.",
        )
    try:
        attempt.job_type.params.model_validate(attempt.job["params"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        raise ConflictError(
            "job_type_changed",
            f"The job's params don't fit {name} as it is now ({pointer}: {first['msg']}). Submit it anew.",
        ) from None
