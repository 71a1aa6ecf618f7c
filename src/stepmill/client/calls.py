"""Every call of the API as data: what is sent, and the type of what comes back. The clients only send them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypedDict, TypeVar
from urllib.parse import quote

from stepmill.client.results import (
    Area,
    Attempt,
    File,
    Job,
    JobCounts,
    JobType,
    Load,
    LoadMode,
    Matched,
    Page,
    Preview,
    Reject,
    Scan,
    SchemaChange,
    Session,
    StoredPlan,
    Table,
    Worker,
)

Result_co = TypeVar("Result_co", covariant=True)
Data = Mapping[str, Any]


@dataclass(frozen=True)
class Call(Generic[Result_co]):
    """One request. Its answer is JSON of the type `Result_co`."""

    method: str
    path: str
    query: Data = field(default_factory=dict)
    body: object = None
    idempotency_key: str | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once."""
        return self.method == "GET" or self.idempotency_key is not None


class JobOptions(TypedDict, total=False):
    """What may be said about a job besides its type and params."""

    priority: int
    run_at: datetime | str
    max_attempts: int
    timeout_seconds: float


class JobFilters(TypedDict, total=False):
    """Which jobs. `job_id`, `status` and `type` may name several, by comma."""

    job_id: str
    status: str
    type: str
    env_id: str
    created_after: datetime | str
    created_before: datetime | str
    q: str


class ListOptions(TypedDict, total=False):
    """Which part of a list."""

    limit: int
    cursor: str | None


class RowOptions(ListOptions, total=False):
    """Which part of a table: after a `cursor`, or after so many rows."""

    offset: int | None


# Jobs


def job_request(job_type: str, params: Data, env_id: str | None, options: JobOptions) -> dict[str, Any]:
    """The body that submits a job, also as one of a batch."""
    return {"type": job_type, "params": dict(params), **_camel({"env_id": env_id, **options})}


def start_job(request: Data, idempotency_key: str | None = None) -> Call[Job]:
    """`POST /api/jobs`."""
    return _write("POST", "/api/jobs", body=request, key=idempotency_key)


def start_jobs(requests: Sequence[Data], idempotency_key: str | None = None) -> Call[Page[Job]]:
    """`POST /api/jobs/batch`."""
    return _write(
        "POST", "/api/jobs/batch", body={"jobs": [dict(request) for request in requests]}, key=idempotency_key
    )


def get_job(job_id: str) -> Call[Job]:
    """`GET /api/jobs/{jobId}`."""
    return _read("/api/jobs", job_id)


def list_jobs(filters: JobFilters, page: ListOptions) -> Call[Page[Job]]:
    """`GET /api/jobs`."""
    return _read("/api/jobs", query={**filters, **page})


def count_jobs(filters: JobFilters) -> Call[JobCounts]:
    """`GET /api/jobs/counts`."""
    return _read("/api/jobs/counts", query={**filters})


def list_attempts(job_id: str, page: ListOptions) -> Call[Page[Attempt]]:
    """`GET /api/jobs/{jobId}/attempts`."""
    return _read("/api/jobs", job_id, "attempts", query={**page})


def list_events(job_id: str, after: str | int | None, limit: int | None) -> Call[Page[dict[str, Any]]]:
    """`GET /api/jobs/{jobId}/events`."""
    return _read("/api/jobs", job_id, "events", query={"after": after, "limit": limit})


def stream_job(job_id: str) -> Call[None]:
    """`GET /api/jobs/{jobId}/stream`."""
    return _read("/api/jobs", job_id, "stream")


def stream_all(env_id: str | None) -> Call[None]:
    """`GET /api/stream`."""
    return _read("/api/stream", query={"env_id": env_id})


def cancel_job(job_id: str) -> Call[Job]:
    """`POST /api/jobs/{jobId}/cancel`."""
    return _write("POST", "/api/jobs", job_id, "cancel")


def retry_job(job_id: str, from_step: str | None) -> Call[Job]:
    """`POST /api/jobs/{jobId}/retry`."""
    return _write("POST", "/api/jobs", job_id, "retry", body=_camel({"from_step": from_step}))


def cancel_jobs(filters: JobFilters) -> Call[Matched]:
    """`POST /api/jobs/cancel`."""
    return _write("POST", "/api/jobs/cancel", query={**filters})


def retry_jobs(filters: JobFilters) -> Call[Matched]:
    """`POST /api/jobs/retry`."""
    return _write("POST", "/api/jobs/retry", query={**filters})


def list_job_types() -> Call[Page[JobType]]:
    """`GET /api/job-types`."""
    return _read("/api/job-types")


def list_workers() -> Call[Page[Worker]]:
    """`GET /api/workers`."""
    return _read("/api/workers")


def get_session() -> Call[Session]:
    """`GET /api/session`."""
    return _read("/api/session")


def get_stats(query: Data) -> Call[dict[str, Any]]:
    """`GET /api/stats`."""
    return _read("/api/stats", query=query)


# Areas and files


def create_area(
    env_id: str,
    name: str,
    load_mode: LoadMode | None,
    key_columns: Sequence[str] | None,
    schema_change: SchemaChange | None,
    source: Data | None,
) -> Call[Area]:
    """`POST /api/envs/{envId}/areas`."""
    columns = None if key_columns is None else list(key_columns)
    place = None if source is None else dict(source)
    body = _camel(
        {"name": name, "load_mode": load_mode, "key_columns": columns, "source": place}
        | {"schema_change": schema_change}
    )
    return _write("POST", _env(env_id, "areas"), body=body)


def list_areas(env_id: str, page: ListOptions) -> Call[Page[Area]]:
    """`GET /api/envs/{envId}/areas`."""
    return _read(_env(env_id, "areas"), query={**page})


def get_area(env_id: str, area_id: str) -> Call[Area]:
    """`GET /api/envs/{envId}/areas/{areaId}`."""
    return _read(_env(env_id, "areas"), area_id)


def update_area(env_id: str, area_id: str, changes: Data) -> Call[Area]:
    """`PATCH /api/envs/{envId}/areas/{areaId}`."""
    return _write("PATCH", _env(env_id, "areas"), area_id, body=_camel(changes))


def scan_area(env_id: str, area_id: str) -> Call[Scan]:
    """`POST /api/envs/{envId}/areas/{areaId}/scan`."""
    return _write("POST", _env(env_id, "areas"), area_id, "scan")


def delete_area(env_id: str, area_id: str) -> Call[None]:
    """`DELETE /api/envs/{envId}/areas/{areaId}`."""
    return _write("DELETE", _env(env_id, "areas"), area_id)


def upload_file(env_id: str, area_id: str, name: str, key: str | None) -> Call[File]:
    """`POST /api/envs/{envId}/areas/{areaId}/files`.

    A key is for content that can be read from its start again; without one it is sent once only.
    """
    return Call("POST", _path(_env(env_id, "areas"), area_id, "files"), query={"name": name}, idempotency_key=key)


def list_files(env_id: str, area_id: str, page: ListOptions) -> Call[Page[File]]:
    """`GET /api/envs/{envId}/areas/{areaId}/files`."""
    return _read(_env(env_id, "areas"), area_id, "files", query={**page})


def get_file(env_id: str, file_id: str) -> Call[File]:
    """`GET /api/envs/{envId}/files/{fileId}`."""
    return _read(_env(env_id, "files"), file_id)


def delete_file(env_id: str, file_id: str, rows: str | None) -> Call[None]:
    """`DELETE /api/envs/{envId}/files/{fileId}`."""
    return _write("DELETE", _env(env_id, "files"), file_id, query={"rows": rows})


def preview_file(env_id: str, file_id: str, limit: int | None) -> Call[Preview]:
    """`GET /api/envs/{envId}/files/{fileId}/preview`."""
    return _read(_env(env_id, "files"), file_id, "preview", query={"limit": limit})


# Plans


def get_plan(env_id: str, area_id: str, version: int | None) -> Call[dict[str, Any]]:
    """`GET /api/envs/{envId}/areas/{areaId}/plan`."""
    return _read(_env(env_id, "areas"), area_id, "plan", query={"version": version})


def put_plan(env_id: str, area_id: str, plan: Data, base_version: int | None) -> Call[dict[str, Any]]:
    """`PUT /api/envs/{envId}/areas/{areaId}/plan`."""
    return _write("PUT", _env(env_id, "areas"), area_id, "plan", query={"base_version": base_version}, body=dict(plan))


def list_plans(env_id: str, area_id: str, page: ListOptions) -> Call[Page[StoredPlan]]:
    """`GET /api/envs/{envId}/areas/{areaId}/plans`."""
    return _read(_env(env_id, "areas"), area_id, "plans", query={**page})


def approve_plan(env_id: str, area_id: str, version: int) -> Call[dict[str, Any]]:
    """`POST /api/envs/{envId}/areas/{areaId}/plans/{version}/approve`."""
    return _write("POST", _env(env_id, "areas"), area_id, "plans", str(version), "approve")


def preview_plan(env_id: str, file_id: str, plan: Data) -> Call[dict[str, Any]]:
    """`POST /api/envs/{envId}/plan-preview`."""
    return _write("POST", _env(env_id, "plan-preview"), body={"fileId": file_id, "plan": dict(plan)})


# Tables


def list_tables(env_id: str, page: ListOptions) -> Call[Page[Table]]:
    """`GET /api/envs/{envId}/tables`."""
    return _read(_env(env_id, "tables"), query={**page})


def get_table(env_id: str, phys_id: str) -> Call[Table]:
    """`GET /api/envs/{envId}/tables/{physId}`."""
    return _read(_env(env_id, "tables"), phys_id)


def list_rows(env_id: str, phys_id: str, page: RowOptions) -> Call[Page[dict[str, Any]]]:
    """`GET /api/envs/{envId}/tables/{physId}/rows`."""
    return _read(_env(env_id, "tables"), phys_id, "rows", query={**page})


def list_loads(env_id: str, phys_id: str, page: ListOptions) -> Call[Page[Load]]:
    """`GET /api/envs/{envId}/tables/{physId}/loads`."""
    return _read(_env(env_id, "tables"), phys_id, "loads", query={**page})


def list_rejects(env_id: str, load_id: str, page: ListOptions) -> Call[Page[Reject]]:
    """`GET /api/envs/{envId}/loads/{loadId}/rejects`."""
    return _read(_env(env_id, "loads"), load_id, "rejects", query={**page})


def dismiss_rejects(env_id: str, load_id: str) -> Call[None]:
    """`DELETE /api/envs/{envId}/loads/{loadId}/rejects`."""
    return _write("DELETE", _env(env_id, "loads"), load_id, "rejects")


def replay_rejects(env_id: str, load_id: str) -> Call[Job]:
    """`POST /api/envs/{envId}/loads/{loadId}/replay-rejects`."""
    return _write("POST", _env(env_id, "loads"), load_id, "replay-rejects")


def revert_load(env_id: str, load_id: str) -> Call[dict[str, Any]]:
    """`POST /api/envs/{envId}/loads/{loadId}/revert`."""
    return _write("POST", _env(env_id, "loads"), load_id, "revert")


def profile_table(env_id: str, phys_id: str) -> Call[dict[str, Any]]:
    """`GET /api/envs/{envId}/tables/{physId}/profile`."""
    return _read(_env(env_id, "tables"), phys_id, "profile")


def new_key() -> str:
    """An idempotency key, which makes a write safe to send again."""
    return uuid.uuid4().hex


def _read(base: str, *parts: str, query: Data | None = None) -> Call[Any]:
    return Call("GET", _path(base, *parts), query=_camel(query or {}))


def _write(
    method: str, base: str, *parts: str, body: object = None, query: Data | None = None, key: str | None = None
) -> Call[Any]:
    return Call(method, _path(base, *parts), _camel(query or {}), body, key or new_key())


def _env(env_id: str, resource: str) -> str:
    return _path("/api/envs", env_id, resource)


def _path(base: str, *parts: str) -> str:
    return "/".join((base, *(quote(part, safe="") for part in parts)))


def _camel(values: Data) -> dict[str, Any]:
    """Python's names as the contract's, without those that have no value."""
    return {_camel_name(name): _plain(value) for name, value in values.items() if value is not None}


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone. Use datetime.now(timezone.utc) or another aware datetime.")
        return value.isoformat()
    return value
