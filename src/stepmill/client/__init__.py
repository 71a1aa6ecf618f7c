"""The Python client of Stepmill's HTTP API: synchronous, asynchronous, typed.

    from stepmill.client import Client

    with Client() as client:  # address and credentials from STEPMILL_URL, STEPMILL_TOKEN or STEPMILL_SERVICE_SECRET
        job = client.start_job("FILE_ETL", {"fileId": "…", "areaId": "…"}, env_id="default")
        for event in client.stream_job(job["jobId"]):
            print(event.kind, event.data)

Results are plain dictionaries with the names of the HTTP contract, typed by `TypedDict`. Errors are those of
`stepmill.errors`. Nothing else of Stepmill is imported here, so the package can be used beside any application.
"""

from stepmill.client.asynchronous import AsyncClient
from stepmill.client.calls import JobFilters, JobOptions
from stepmill.client.results import (
    Area,
    Attempt,
    Event,
    File,
    Job,
    JobCounts,
    JobError,
    JobType,
    Load,
    LoadMode,
    LoadResult,
    Matched,
    Page,
    Preview,
    Progress,
    Reject,
    RunningJob,
    Scan,
    SchemaChange,
    Session,
    Step,
    StoredPlan,
    Table,
    TableColumn,
    Waiting,
    Worker,
)
from stepmill.client.synchronous import Client, submit_worker_job
from stepmill.client.tokens import service_headers

__all__ = [
    "Area",
    "AsyncClient",
    "Attempt",
    "Client",
    "Event",
    "File",
    "Job",
    "JobCounts",
    "JobError",
    "JobFilters",
    "JobOptions",
    "JobType",
    "Load",
    "LoadMode",
    "LoadResult",
    "Matched",
    "Page",
    "Preview",
    "Progress",
    "Reject",
    "RunningJob",
    "Scan",
    "SchemaChange",
    "Session",
    "Step",
    "StoredPlan",
    "Table",
    "TableColumn",
    "Waiting",
    "Worker",
    "service_headers",
    "submit_worker_job",
]
