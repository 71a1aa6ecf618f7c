"""The shapes of jobs, their events and their types."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from stepmill.api.schemas.problems import Failure, Progress
from stepmill.api.schemas.shape import JOB_ID, NOW, Shape
from stepmill.engine.requests import JobStatus


class Step(Shape):
    """One step of a job."""

    name: str = Field(examples=["Extract"])
    status: Literal["PENDING", "RUNNING", "DONE", "ERROR"]
    attempt: int | None
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress | None
    output: dict[str, Any] | None
    error: Failure | None


class Waiting(Shape):
    """Why a job waits, in one sentence and as data."""

    code: str = Field(examples=["lock"])
    message: str = Field(examples=["Job job_01… holds the lock area/a1 since 09:30; it goes on when that is released."])
    since: datetime
    held_by: dict[str, Any] | None = None


class Job(Shape):
    """A job."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "jobId": JOB_ID,
                "type": "FILE_ETL",
                "status": "RUNNING",
                "waiting": None,
                "envId": "default",
                "tenantId": "local",
                "params": {"fileId": "file_01jd8x", "areaId": "area_01jd8w", "envId": "default", "tenantId": "local"},
                "steps": [
                    {
                        "name": "Extract",
                        "status": "RUNNING",
                        "attempt": 1,
                        "startedAt": NOW,
                        "finishedAt": None,
                        "progress": {"done": 250000, "total": 1000000, "unit": "rows", "message": None},
                        "output": None,
                        "error": None,
                    }
                ],
                "result": None,
                "error": None,
                "attempt": 1,
                "maxAttempts": 5,
                "priority": 0,
                "progress": {"stepsDone": 0, "stepsTotal": 3, "step": "Extract", "done": 250000, "total": 1000000},
                "cancelRequestedAt": None,
                "createdAt": NOW,
                "runAt": NOW,
                "startedAt": NOW,
                "finishedAt": None,
                "createdBy": "local",
            }
        }
    )

    job_id: str
    type: str
    status: JobStatus
    waiting: Waiting | None
    env_id: str
    tenant_id: str
    params: dict[str, Any]
    steps: list[Step]
    result: dict[str, Any] | None
    error: Failure | None
    attempt: int
    max_attempts: int
    priority: int
    progress: dict[str, Any]
    cancel_requested_at: datetime | None
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    created_by: str


class JobList(Shape):
    """A page of jobs."""

    items: list[Job]
    next_cursor: str | None = None


class JobCounts(Shape):
    """How many jobs there are."""

    total: int = Field(examples=[4007])
    by_status: dict[JobStatus, int] = Field(
        examples=[{"PENDING": 4, "RUNNING": 2, "DONE": 3990, "ERROR": 10, "CANCELLED": 1}]
    )


class Matched(Shape):
    """How many jobs a bulk call took up."""

    matched: int = Field(examples=[12])


class Event(Shape):
    """One event of a job, as its stream sends it."""

    id: str = Field(examples=["7"])
    event: str = Field(examples=["step"])
    data: dict[str, Any]


class EventList(Shape):
    """A page of events; `nextCursor` is the next call's `after`."""

    items: list[Event]
    next_cursor: str | None = None


class Attempt(Shape):
    """One start of work on a job. `outcome` is how it ended, null while it goes on."""

    attempt: int
    worker_id: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None = Field(examples=["done"])


class AttemptList(Shape):
    """A page of attempts."""

    items: list[Attempt]
    next_cursor: str | None = None


class JobTypeStep(Shape):
    """A step that a job type has. Always-steps run whatever happened before."""

    name: str = Field(examples=["Extract"])
    always: bool


class JobTypeView(Shape):
    """A type of job that this installation runs."""

    type: str = Field(examples=["FILE_ETL"])
    description: str
    params_schema: dict[str, Any]
    steps: list[JobTypeStep]


class JobTypeList(Shape):
    """A page of job types."""

    items: list[JobTypeView]
    next_cursor: str | None = None
