"""What the engine means, in a few lines of Python: the state machine's test compares the database with this.

Written from the documentation, not from the SQL. Time is only whether a job is due; there is one lock, which all jobs
whose shape has a span want.
"""

from dataclasses import dataclass, field

TERMINAL = ("DONE", "ERROR", "CANCELLED")
MAX_FAILURES = 2
MAX_CRASHES = 2


@dataclass(frozen=True)
class Shape:
    """A job type: which of its steps run always, and which of them a lock spans (first, last)."""

    always: tuple[bool, ...]
    span: tuple[int, int] | None = None


@dataclass
class Job:
    """One job as it should be."""

    shape: Shape
    status: str = "PENDING"
    steps: list[str] = field(default_factory=list)
    attempt: int = 0
    running: bool = False
    """Whether an attempt is under way: a RUNNING job that waits for its lock has none."""
    revoked: bool = False
    cancelling: bool = False
    ending: str | None = None
    due: bool = True
    failures: int = 0
    crashes: int = 0
    losses: int = 0
    crashed_at: int | None = None
    waits_since: int | None = None
    """The place in the line for the lock."""
    noted_since: int | None = None
    """Since when it has waited for anything: a back-off counts when it then stands in line."""

    def __post_init__(self) -> None:
        self.steps = ["PENDING"] * len(self.shape.always)

    @property
    def next(self) -> int | None:
        """The step that runs next."""
        for index, status in enumerate(self.steps):
            if self.ending is None and status != "DONE":
                return index
            if self.ending is not None and self.shape.always[index] and status in ("PENDING", "RUNNING"):
                return index
        return None

    @property
    def current(self) -> int:
        """The step that runs now."""
        return self.steps.index("RUNNING")

    @property
    def waits(self) -> bool:
        """Whether a ticket may begin it."""
        return self.status == "PENDING" or (self.status == "RUNNING" and not self.running)


class Model:
    """All jobs and their lock."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.holder: str | None = None
        self._clock = 0

    def begin(self, job_id: str) -> str | None:
        """What a ticket brings: None if the job may not run now."""
        job = self.jobs[job_id]
        if not (job.waits and job.due):
            return None
        step = job.next
        assert step is not None
        if self._needs_lock(job, step) and not self._take(job_id):
            self._stand_in_line(job)
            return "waiting"
        job.status, job.running, job.attempt = "RUNNING", True, job.attempt + 1
        job.waits_since = job.noted_since = None
        job.steps[step] = "RUNNING"
        return "run"

    def finish(self, job_id: str) -> None:
        """The running step is DONE."""
        job = self.jobs[job_id]
        step = job.current
        job.steps[step] = "DONE"
        self._advance(job_id, step)

    def fail(self, job_id: str, *, retryable: bool) -> None:
        """The running step failed."""
        job = self.jobs[job_id]
        step = job.current
        job.failures += 1
        if retryable and job.failures < MAX_FAILURES:
            job.crashes, job.due = 0, False
            self._back(job_id, step)
            job.noted_since = self._tick()
            return
        job.steps[step] = "ERROR"
        if job.ending is None or job.shape.always[step]:
            job.ending = "ERROR"
        self._advance(job_id, step)

    def cancel(self, job_id: str) -> str:
        """Somebody asks for a cancel."""
        job = self.jobs[job_id]
        if job.status in TERMINAL:
            return "refused"
        if job.cancelling:
            return "accepted"
        job.cancelling = True
        if job.running and not job.shape.always[job.current]:
            job.revoked = True
            return "accepted"
        job.ending = job.ending or "CANCELLED"
        if job.running:
            return "accepted"
        if job.attempt == 0 or job.next is None:
            self._end(job_id)
        else:
            job.due, job.waits_since, job.noted_since = True, None, None
            self._release(job_id)
        return "accepted"

    def settle(self, job_id: str) -> None:
        """The cancelled work is stopped."""
        job = self.jobs[job_id]
        step = job.current
        job.steps[step] = "ERROR"
        job.ending, job.revoked, job.attempt = "CANCELLED", False, job.attempt + 1
        self._advance(job_id, step)

    def rescue(self, job_id: str, reason: str) -> None:
        """The worker died, lost the database, or was told to stop."""
        job = self.jobs[job_id]
        step = job.current
        if reason != "shutdown":
            if job.crashed_at != step:
                job.crashes = job.losses = 0
            job.crashes += reason == "crashed"
            job.losses += reason == "database_lost"
            job.crashed_at = step
        job.due = True
        is_hopeless = job.crashes >= MAX_CRASHES or job.losses >= 4 * MAX_CRASHES
        is_hopeless = is_hopeless and (job.ending is None or job.shape.always[step])
        if job.revoked:
            job.ending = job.ending or "CANCELLED"
        elif is_hopeless:
            job.ending = "ERROR"
        if not (job.revoked or is_hopeless) or (job.revoked and job.shape.always[step]):
            if reason == "database_lost" and job.losses > 1:
                job.due, job.noted_since = False, self._tick()
            self._back(job_id, step)
            return
        job.steps[step], job.running, job.revoked = "ERROR", False, False
        if job.next is None:
            self._end(job_id)
        else:
            job.status = "PENDING"
            self._release(job_id)

    def retry(self, job_id: str, from_step: int | None) -> str:
        """Somebody asks for it to run again."""
        job = self.jobs[job_id]
        if job.status not in ("ERROR", "CANCELLED"):
            return "refused"
        first = next((i for i, s in enumerate(job.steps) if s != "DONE" and not job.shape.always[i]), None)
        if from_step is not None and first is not None and from_step > first:
            return "too_late"
        for index, status in enumerate(job.steps):
            if job.shape.always[index] or status == "ERROR" or (from_step is not None and index >= from_step):
                job.steps[index] = "PENDING"
        job.status, job.due, job.cancelling, job.ending = "PENDING", True, False, None
        job.failures, job.crashes, job.losses, job.crashed_at = 0, 0, 0, None
        return "accepted"

    def _advance(self, job_id: str, step: int) -> None:
        job = self.jobs[job_id]
        following = job.next
        if following is None:
            self._end(job_id)
            return
        span = job.shape.span
        if span and step <= span[1] and (following > span[1] or job.ending):
            self._release(job_id)
        if span and self._needs_lock(job, following) and step < span[0] and not self._take(job_id):
            job.running = False
            self._stand_in_line(job)
            return
        job.steps[following] = "RUNNING"

    def _back(self, job_id: str, step: int) -> None:
        job = self.jobs[job_id]
        job.steps[step], job.status, job.running, job.revoked = "PENDING", "PENDING", False, False
        self._release(job_id)

    def _end(self, job_id: str) -> None:
        job = self.jobs[job_id]
        job.status, job.ending, job.running, job.revoked = job.ending or "DONE", None, False, False
        job.waits_since = job.noted_since = None
        self._release(job_id)

    def _needs_lock(self, job: Job, step: int) -> bool:
        span = job.shape.span
        return span is not None and job.ending is None and span[0] <= step <= span[1]

    def _take(self, job_id: str) -> bool:
        if self.holder in (None, job_id):
            self.holder = job_id
        return self.holder == job_id

    def _release(self, job_id: str) -> None:
        if self.holder != job_id:
            return
        line = [(job.waits_since, key) for key, job in self.jobs.items() if job.waits_since is not None and job.due]
        self.holder = min(line)[1] if line else None
        if self.holder is not None:
            self.jobs[self.holder].waits_since = self.jobs[self.holder].noted_since = None

    def _stand_in_line(self, job: Job) -> None:
        if job.noted_since is None:
            job.noted_since = self._tick()
        job.waits_since = job.noted_since

    def _tick(self) -> int:
        self._clock += 1
        return self._clock
