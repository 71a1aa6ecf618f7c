"""What the API answers, as types. Names are those of the HTTP contract; more fields may come, none is renamed."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar

Item = TypeVar("Item")

JobStatus = Literal["PENDING", "RUNNING", "DONE", "ERROR", "CANCELLED"]
StepStatus = Literal["PENDING", "RUNNING", "DONE", "ERROR"]
LoadMode = Literal["replaceFile", "replace", "append", "upsert", "replacePartition"]
SchemaChange = Literal["evolve", "freeze", "discardRow", "discardValue"]
EventKind = Literal["snapshot", "status", "step", "progress", "log", "end"]

TERMINAL: frozenset[str] = frozenset({"DONE", "ERROR", "CANCELLED"})
"""The states in which a job stays until a user retries it."""


class Page(TypedDict, Generic[Item]):
    """One page of a list; `nextCursor` is there while more follows."""

    items: list[Item]
    nextCursor: NotRequired[str | None]


class Progress(TypedDict):
    """How far a step has come; `total` is null while it isn't known."""

    done: int
    total: int | None
    unit: str
    message: NotRequired[str | None]


class JobError(TypedDict):
    """Why a job or a step ended in ERROR."""

    code: str
    message: str
    retryable: bool
    details: NotRequired[dict[str, Any]]


class Waiting(TypedDict):
    """Why a job isn't running, in one sentence and as data."""

    code: str
    message: str
    since: str
    heldBy: NotRequired[dict[str, Any] | None]


class Step(TypedDict):
    """One named step of a job."""

    name: str
    status: StepStatus
    attempt: int | None
    startedAt: str | None
    finishedAt: str | None
    progress: Progress | None
    output: dict[str, Any] | None
    error: JobError | None


class LoadResult(TypedDict):
    """The `result` of a job that loaded rows: what became of each row that was read."""

    physId: str
    logicalName: str
    loadId: str
    planVersion: int
    rowsRead: int
    rowsLoaded: int
    rowsRejected: int
    rowsFiltered: int
    rowsDeduplicated: int
    bytesRead: int
    tables: NotRequired[list[dict[str, Any]]]
    rejectsUrl: NotRequired[str | None]
    supersededBy: NotRequired[str | None]


class Job(TypedDict):
    """A job with its steps."""

    jobId: str
    type: str
    status: JobStatus
    waiting: Waiting | None
    envId: str
    tenantId: str
    params: dict[str, Any]
    steps: list[Step]
    result: dict[str, Any] | None
    error: JobError | None
    attempt: int
    maxAttempts: int
    priority: int
    progress: Progress | None
    cancelRequestedAt: str | None
    createdAt: str
    runAt: str | None
    startedAt: str | None
    finishedAt: str | None
    createdBy: str


class JobType(TypedDict):
    """A type of job that the server knows."""

    type: str
    description: str
    paramsSchema: dict[str, Any]
    steps: list[Any]


class JobCounts(TypedDict):
    """How many jobs match, in all and by status."""

    total: int
    byStatus: dict[JobStatus, int]


class Attempt(TypedDict):
    """One start of work on a job; `outcome` is null while it goes on."""

    attempt: int
    workerId: str
    startedAt: str
    endedAt: str | None
    outcome: str | None


class Session(TypedDict):
    """Who calls, and which version answers."""

    subject: str
    tenantId: str
    roles: list[str]
    version: str


class RunningJob(TypedDict):
    """What a worker does now."""

    jobId: str
    type: str
    step: str | None
    envId: str
    startedAt: str


class Worker(TypedDict):
    """A worker that beats. `jobs` are those of the caller's tenant; `runningJobs` counts all."""

    workerId: str
    host: str
    pid: int
    version: str
    types: list[str]
    runningJobs: int
    concurrency: int
    memoryBytes: int
    startedAt: str
    lastSeenAt: str
    jobs: list[RunningJob]


class Matched(TypedDict):
    """How many jobs a bulk cancel or retry reached."""

    matched: int


class Area(TypedDict):
    """A file area: a named bucket of files that go to the same table."""

    areaId: str
    name: str
    loadMode: LoadMode
    keyColumns: NotRequired[list[str] | None]
    schemaChange: NotRequired[SchemaChange]
    source: NotRequired[dict[str, str] | None]
    createdAt: NotRequired[str]
    physId: NotRequired[str | None]
    files: NotRequired[int]
    bytes: NotRequired[int]
    planVersion: NotRequired[int | None]


class Scan(TypedDict):
    """What a scan of an area's place found, and the jobs it submitted."""

    found: int
    unchanged: int
    jobs: list[dict[str, str]]
    skipped: list[dict[str, str]]
    remaining: int


class File(TypedDict):
    """A file that was uploaded, or found in an area's place."""

    fileId: str
    areaId: str
    name: str
    bytes: int
    sha256: NotRequired[str | None]
    format: NotRequired[str | None]
    origin: NotRequired[dict[str, str] | None]
    createdAt: str
    duplicateOf: NotRequired[str | None]
    lastLoad: NotRequired[dict[str, Any] | None]


class Preview(TypedDict, total=False):
    """How a file is read, what its columns hold, its first lines and rows, and warnings."""

    format: str
    encoding: str
    delimiter: str
    quote: str | None
    headerRows: int
    preambleRows: int
    recordsPath: str | None
    columns: list[dict[str, Any]]
    rowsProfiled: int
    lines: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    warnings: list[Any]


class StoredPlan(TypedDict, total=False):
    """A version of an area's transform plan."""

    version: int
    author: Literal["rules", "ai", "user"]
    status: Literal["draft", "approved", "superseded"]
    score: float | None
    plan: dict[str, Any]
    createdAt: str


class TableColumn(TypedDict):
    """A column of a table."""

    name: str
    logicalName: str
    type: str
    unit: NotRequired[str | None]
    nullable: bool


class Table(TypedDict):
    """A physical table as its readers know it."""

    physId: str
    logicalName: str
    owner: dict[str, str]
    columns: list[TableColumn]
    rows: int
    bytes: int
    timeColumn: NotRequired[str | None]
    timeSeries: NotRequired[dict[str, Any] | None]
    planVersion: int | None
    lastLoadAt: str | None


class Load(TypedDict):
    """A line of a table's load ledger."""

    loadId: str
    jobId: str
    attempt: int
    mode: str
    planVersion: int
    fileId: NotRequired[str]
    fileName: NotRequired[str]
    rowsRead: int
    rowsLoaded: int
    rowsRejected: int
    rowsFiltered: int
    rowsDeduplicated: int
    bytesRead: NotRequired[int]
    replayOf: NotRequired[str | None]
    supersededBy: NotRequired[str]
    revertedAt: NotRequired[str]
    removedAt: NotRequired[str]
    startedAt: str
    finishedAt: NotRequired[str]


class Reject(TypedDict):
    """A source record that was not loaded, and why."""

    line: int
    column: str | None
    reason: str
    code: str
    raw: str | None
    cells: NotRequired[list[dict[str, Any]] | None]


@dataclass(frozen=True)
class Event:
    """A server-sent event. `id` is where a stream opened again goes on."""

    id: str
    kind: str
    data: dict[str, Any]
