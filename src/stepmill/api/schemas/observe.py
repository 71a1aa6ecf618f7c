"""The shapes of workers, statistics and the caller."""

from datetime import datetime

from pydantic import Field

from stepmill.api.schemas.shape import JOB_ID, Shape


class Session(Shape):
    """Who calls, and what answers."""

    subject: str
    tenant_id: str
    roles: list[str] = Field(examples=[["viewer", "operator"]])
    version: str


class RunningJob(Shape):
    """What a worker does now; `startedAt` is when this attempt began."""

    job_id: str = Field(examples=[JOB_ID])
    type: str = Field(examples=["FILE_ETL"])
    step: str | None = Field(examples=["Load"])
    env_id: str
    started_at: datetime


class Worker(Shape):
    """A worker that is alive. `jobs` are those of the caller's tenant; `runningJobs` counts all."""

    worker_id: str
    host: str
    pid: int
    version: str
    types: list[str]
    running_jobs: int
    concurrency: int
    memory_bytes: int
    started_at: datetime
    last_seen_at: datetime
    jobs: list[RunningJob]


class WorkerList(Shape):
    """A page of workers."""

    items: list[Worker]
    next_cursor: str | None = None


class StatsPoint(Shape):
    """One stretch of time."""

    at: datetime
    submitted: int
    finished: dict[str, int] = Field(examples=[{"DONE": 4, "ERROR": 1, "CANCELLED": 0}])
    queue_depth: int
    queue_age_seconds: float | None
    step_seconds: dict[str, float] = Field(examples=[{"Extract": 1.5, "Transform": 3.2, "Load": 2.1}])
    rows_loaded: int


class Stats(Shape):
    """Series over time."""

    from_: datetime = Field(alias="from")
    to: datetime
    step_seconds: int
    items: list[StatsPoint]
