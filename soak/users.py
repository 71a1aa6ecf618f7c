"""Users who submit jobs of the soak's own types, cancel some and try some again."""

import threading
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

from soak.deployment import Deployment
from soak.patience import LOST_SECONDS, ROUND_SECONDS, Patient, Violation
from soak.say import Say
from stepmill.client import Job

ENV = "default"
_OPEN = 8
"""Jobs that a user has under way."""
_CANCELLED_SHARE = 0.02  # of the looks at a job that runs or waits
_GIVEN_UP_SHARE = 0.3  # of the jobs that ended otherwise than DONE
_AT_REST = ("DONE", "ERROR", "CANCELLED")

_STEPS = {"SOAK_LOCK": ("Before", "Hold", "Hold on"), "SOAK_STEPS": ("One", "Two"), "SOAK_ALWAYS": ("Work",)}
"""Steps from which a job is sometimes run again."""


@dataclass
class User:
    """One user, in a thread of its own."""

    deployment: Deployment
    name: str
    random: Random
    say: Say
    ending: threading.Event
    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was accepted: each job's type and params."""

    def run(self) -> None:
        """Go on until the end is near, and until all that was submitted is at rest. Raises :class:`Violation`."""
        open_jobs: set[str] = set()
        deadline = float("inf")
        with Patient(self.deployment) as patient:
            while open_jobs or not self.ending.is_set():
                if self.ending.is_set():
                    deadline = min(deadline, time.monotonic() + LOST_SECONDS)
                elif len(open_jobs) < _OPEN:
                    open_jobs |= self._submit(patient, self.random.randint(1, _OPEN - len(open_jobs)))
                for job in self._look(patient, open_jobs):
                    if self._is_settled(patient, job):
                        open_jobs.discard(job["jobId"])
                    elif time.monotonic() > deadline:
                        raise Violation(f"{job['type']} {job['jobId']} is not at rest: {job}")
                time.sleep(ROUND_SECONDS)
        self.say(f"{self.name}: {len(self.accepted)} jobs, all at rest")

    def _submit(self, patient: Patient, count: int) -> set[str]:
        """Several jobs at once or one; the key makes sure that a repeated request submits nothing twice."""
        requests: list[dict[str, Any]] = [
            {"type": kind, "envId": ENV, "params": params} for kind, params in self._made(count)
        ]
        key = f"{self.name}-{self.random.getrandbits(64):x}"
        if count == 1:
            one = requests[0]
            jobs = [patient.call(lambda to: to.start_job(one["type"], one["params"], env_id=ENV, idempotency_key=key))]
        else:
            jobs = patient.call(lambda to: to.start_jobs(requests, idempotency_key=key))
        for job, request in zip(jobs, requests, strict=True):
            self.accepted[job["jobId"]] = request
        return {job["jobId"] for job in jobs}

    def _made(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        kinds = ["STEPS", "LOCK", "LOCK", "DOCUMENT", "ALWAYS", "COMPUTE", "ARTIFACT", "FLAKY", "SLOW"]
        sizes = {"COMPUTE": (1, 300_000), "ARTIFACT": (32, 2_000_000), "SLOW": (1, 2_000)}
        made = []
        for kind in self.random.choices(kinds, k=count):
            params: dict[str, Any] = {"seed": self.random.getrandbits(40)}
            if kind in sizes:
                params["size"] = self.random.randint(*sizes[kind])
            if kind in ("LOCK", "DOCUMENT"):
                params["key"] = f"{kind.lower()}-{self.random.randint(1, 3)}"
            made.append((f"SOAK_{kind}", params))
        return made

    def _look(self, patient: Patient, job_ids: set[str]) -> list[Job]:
        chosen = sorted(job_ids)
        return [patient.call(lambda to, job_id=job_id: to.get_job(job_id)) for job_id in chosen]  # type: ignore[misc]

    def _is_settled(self, patient: Patient, job: Job) -> bool:
        """Cancel it or try it again, now and then. True: it is at rest, and nothing more is done to it."""
        job_id = job["jobId"]
        if job["status"] not in _AT_REST:
            if self.random.random() < _CANCELLED_SHARE and not self.ending.is_set():
                patient.try_to(lambda to: to.cancel_job(job_id))
            return False
        if job["status"] == "DONE" or self.ending.is_set() or self.random.random() < _GIVEN_UP_SHARE:
            return True
        steps = _STEPS.get(job["type"], ())
        step = self.random.choice(steps) if steps and self.random.random() < 0.3 else None
        patient.try_to(lambda to: to.retry_job(job_id, from_step=step))
        return False
