"""The shapes of answers, for the OpenAPI document alone: the api answers with what the engine and the store give.

Clients must take fields that are not named here: more may be added, none is renamed.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from stepmill.engine.requests import JobStatus

_JOB_ID = "job_01jd8x5m0v9q3k7t2r4w6y8zab"
_NOW = "2026-11-24T09:30:00.000000Z"


class Shape(BaseModel):
    """An answer's part: camelCase, open for more fields."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")


class ProblemField(Shape):
    """One wrong place in the request."""

    pointer: str = Field(
        description="JSON pointer into the body, or under /query, /path, /headers.", examples=["/params/fileId"]
    )
    message: str = Field(examples=["This field is required."])


class Problem(Shape):
    """RFC 9457 problem details. `code` never changes its meaning."""

    type: str = Field(examples=["urn:stepmill:problem:invalid_params"])
    title: str = Field(examples=["Invalid params"])
    status: int = Field(examples=[422])
    code: str = Field(examples=["invalid_params"])
    detail: str = Field(examples=["The params don't fit FILE_ETL: 1 of them wrong."])
    errors: list[ProblemField] | None = None
    request_id: str | None = Field(default=None, examples=["5f0c2a9be1d34c77"])


class Failure(Shape):
    """Why a job or a step ended in ERROR, or what it is tried again for."""

    code: str = Field(examples=["too_many_rejects"])
    message: str = Field(examples=["12 of 100 rows were rejected, more than the limit of 5%."])
    retryable: bool
    details: dict[str, Any] | None = None


class Progress(Shape):
    """How far something is; `total` is null where nobody knows."""

    done: float | None = Field(default=None, examples=[250000])
    total: float | None = Field(default=None, examples=[1000000])
    unit: str | None = Field(default=None, examples=["rows"])
    message: str | None = None


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
                "jobId": _JOB_ID,
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
                        "startedAt": _NOW,
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
                "createdAt": _NOW,
                "runAt": _NOW,
                "startedAt": _NOW,
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


class Worker(Shape):
    """A worker that is alive."""

    worker_id: str
    host: str
    pid: int
    version: str
    types: list[str]
    running_jobs: int
    memory_bytes: int
    started_at: datetime
    last_seen_at: datetime


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


class Environment(Shape):
    """An isolated namespace: documents, warehouse schema and credentials of its own."""

    env_id: str = Field(examples=["default"])
    name: str = Field(examples=["default"])
    schema_name: str = Field(examples=["env_default"])
    created_at: datetime


class EnvironmentList(Shape):
    """A page of environments."""

    items: list[Environment]
    next_cursor: str | None = None


class Area(Shape):
    """A named bucket of related files, which all go to one table."""

    area_id: str
    name: str = Field(examples=["Orders"])
    load_mode: str = Field(examples=["replaceFile"])
    key_columns: list[str]
    phys_id: str | None = None
    created_at: datetime


class AreaList(Shape):
    """A page of areas."""

    items: list[Area]
    next_cursor: str | None = None


class File(Shape):
    """A file that was uploaded."""

    file_id: str
    area_id: str
    name: str = Field(examples=["orders.csv"])
    bytes: int
    sha256: str
    format: str = Field(examples=["csv"])
    created_at: datetime
    duplicate_of: str | None = None


class FileList(Shape):
    """A page of files."""

    items: list[File]
    next_cursor: str | None = None


class PreviewColumn(Shape):
    """A column as the rules read it."""

    name: str = Field(examples=["order_id"])
    logical_name: str = Field(examples=["Order ID"])
    source: str | None = Field(default=None, examples=["Order ID"])
    type: str = Field(examples=["integer"])
    mapping: str | None = Field(default=None, examples=["DIRECT"])
    nullable: bool


class Finding(Shape):
    """Something about a file that is good to know."""

    code: str = Field(examples=["encoding_guessed"])
    message: str
    column: str | None = None


class FilePreview(Shape):
    """How a file is read, and its first rows as they stand there."""

    format: str = Field(examples=["csv"])
    encoding: str = Field(examples=["utf-8"])
    delimiter: str | None = Field(examples=[";"])
    quote: str | None = Field(examples=['"'])
    header_rows: int | None
    preamble_rows: int | None
    records_path: str | None
    sheet: str | None
    columns: list[PreviewColumn]
    rows: list[dict[str, Any]]
    rejects: list["Reject"]
    evidence: list[Finding]
    warnings: list[Finding]


class PlanVersion(Shape):
    """One version of an area's plan, without the plan."""

    version: int
    author: Literal["rules", "ai", "user"]
    status: Literal["draft", "approved", "superseded"]
    score: float | None = None
    created_at: datetime


class Plan(PlanVersion):
    """A plan with its version. It may be sent back as it is; the version's fields are then ignored."""

    source: dict[str, Any] = Field(description="How the source is read.")
    columns: list[dict[str, Any]] = Field(description="The table's columns and how their values are made.")


class PlanVersionList(Shape):
    """A page of plan versions."""

    items: list[PlanVersion]
    next_cursor: str | None = None


class Reject(Shape):
    """A source record that could not be loaded."""

    line: int | None
    column: str | None
    reason: str = Field(examples=["'12,5x' is not a number."])
    code: str = Field(examples=["bad_numeric"])
    raw: str | None


class RejectList(Shape):
    """A page of rejects."""

    items: list[Reject]
    next_cursor: str | None = None


class PlanPreview(Shape):
    """What a plan makes of a file's first rows; nothing is loaded."""

    columns: list[PreviewColumn]
    rows: list[dict[str, Any]]
    rejects: list[Reject]
    warnings: list[Finding]
    rows_read: int
    rows_filtered: int


class Column(Shape):
    """A column of a table."""

    name: str
    logical_name: str
    type: str
    unit: str | None = None
    nullable: bool


class Table(Shape):
    """A physical table and the logical view over it."""

    phys_id: str
    logical_name: str
    owner: dict[str, str] = Field(examples=[{"kind": "area", "id": "area_01jd8w"}])
    columns: list[Column]
    rows: int
    bytes: int
    time_column: str | None
    time_series: dict[str, Any] = Field(examples=[{"kind": "none"}])
    plan_version: int | None
    last_load_at: datetime | None


class TableList(Shape):
    """A page of tables."""

    items: list[Table]
    next_cursor: str | None = None


class RowList(Shape):
    """A page of rows, by logical names."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None


class Load(Shape):
    """A line of the load ledger: rows read = loaded + rejected + filtered + deduplicated."""

    load_id: str
    job_id: str
    attempt: int
    mode: str
    plan_version: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_filtered: int
    rows_deduplicated: int
    replay_of: str | None
    started_at: datetime
    finished_at: datetime | None


class LoadList(Shape):
    """A page of the load ledger."""

    items: list[Load]
    next_cursor: str | None = None


class Reverted(Shape):
    """A load that was taken back."""

    load_id: str
    reverted: bool


class Profile(Shape):
    """What the columns of a table hold."""

    phys_id: str
    rows: int
    columns: list[dict[str, Any]]


Responses = dict[int | str, dict[str, Any]]


EVENT_STREAM: Responses = {
    200: {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    204: {"description": "Nothing more will come."},
}


REJECTS: Responses = {
    200: {
        "model": RejectList,
        "description": "The rejects.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


DELETED: Responses = {204: {"description": "It is gone."}}


def ok(model: type[Shape]) -> Responses:
    """200 with ``model``."""
    return {200: {"model": model, "description": "It is here."}}


def created(model: type[Shape], *, repeat: bool = False) -> Responses:
    """201 with ``model``; with ``repeat``, 200 too, for a repeated request."""
    answers: Responses = {201: {"model": model, "description": "It was made."}}
    if repeat:
        answers[200] = {"model": model, "description": "A repeat: what the first request made."}
    return answers


def accepted(model: type[Shape]) -> Responses:
    """202 with ``model``."""
    return {202: {"model": model, "description": "It will be done."}}
