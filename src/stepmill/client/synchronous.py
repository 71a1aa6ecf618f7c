"""The synchronous client."""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from stepmill.client import calls
from stepmill.client.calls import JobFilters, JobOptions, ListOptions, RowOptions
from stepmill.client.connection import Connection
from stepmill.client.results import (
    TERMINAL,
    Area,
    Attempt,
    Event,
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
from stepmill.client.sending import Sender
from stepmill.client.uploads import Progress, Source, Upload


class Client:
    """Stepmill over HTTP. Without arguments the environment says where and as whom; see `service_headers`.

    Safe to share between threads. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 60.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._sender = Sender(Connection.create(url, token, timeout, retries), transport)

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Jobs

    def start_job(
        self,
        type: str,  # noqa: A002  (the contract's name)
        params: Mapping[str, Any],
        *,
        env_id: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Submit a job. With an idempotency key of your own, a repeat gives the first job instead of a second one."""
        return self._sender.send(calls.start_job(calls.job_request(type, params, env_id, options), idempotency_key))

    def start_jobs(self, jobs: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None) -> list[Job]:
        """Submit up to 1,000 jobs, all or none; each is a body of `POST /api/jobs`."""
        return self._sender.send(calls.start_jobs(jobs, idempotency_key))["items"]

    def get_job(self, job_id: str) -> Job:
        """A job with its steps."""
        return self._sender.send(calls.get_job(job_id))

    def list_jobs(self, *, limit: int = 50, cursor: str | None = None, **filters: Unpack[JobFilters]) -> Page[Job]:
        """Jobs, newest first."""
        return self._sender.send(calls.list_jobs(filters, {"limit": limit, "cursor": cursor}))

    def list_events(
        self, job_id: str, *, after: str | int | None = None, limit: int | None = None
    ) -> Page[dict[str, Any]]:
        """The events of a job as JSON."""
        return self._sender.send(calls.list_events(job_id, after, limit))

    def count_jobs(self, **filters: Unpack[JobFilters]) -> JobCounts:
        """How many jobs match, in all and by status."""
        return self._sender.send(calls.count_jobs(filters))

    def list_attempts(self, job_id: str, **page: Unpack[ListOptions]) -> Page[Attempt]:
        """Each start of work on a job, oldest first."""
        return self._sender.send(calls.list_attempts(job_id, page))

    def cancel_job(self, job_id: str) -> Job:
        """Ask a job to stop. It is CANCELLED once its work is proven stopped."""
        return self._sender.send(calls.cancel_job(job_id))

    def retry_job(self, job_id: str, *, from_step: str | None = None) -> Job:
        """Run a job again from its first step that is not DONE, or from the one named."""
        return self._sender.send(calls.retry_job(job_id, from_step))

    def cancel_jobs(self, **filters: Unpack[JobFilters]) -> Matched:
        """Cancel all jobs that match."""
        return self._sender.send(calls.cancel_jobs(filters))

    def retry_jobs(self, **filters: Unpack[JobFilters]) -> Matched:
        """Retry all jobs that match."""
        return self._sender.send(calls.retry_jobs(filters))

    def stream_job(self, job_id: str, *, after: str | int | None = None) -> Iterator[Event]:
        """A job's events as they come, up to its `end`; a broken connection is resumed without loss or repeat."""
        return self._sender.follow(calls.stream_job(job_id), after)

    def stream_all(self, *, env_id: str | None = None, after: str | int | None = None) -> Iterator[Event]:
        """The status changes of every job that the caller may see. Never ends by itself."""
        return self._sender.follow(calls.stream_all(env_id), after)

    def wait_for_job(self, job_id: str) -> Job:
        """The job once it is DONE, ERROR or CANCELLED."""
        while (job := self.get_job(job_id))["status"] not in TERMINAL:
            for _ in self.stream_job(job_id):
                pass
        return job

    def job_types(self) -> list[JobType]:
        """The types of jobs, with the JSON Schema of their params."""
        return self._sender.send(calls.list_job_types())["items"]

    def workers(self) -> list[Worker]:
        """The workers alive."""
        return self._sender.send(calls.list_workers())["items"]

    def session(self) -> Session:
        """Who calls, and which version answers."""
        return self._sender.send(calls.get_session())

    def stats(self, **query: Any) -> dict[str, Any]:
        """Series of submitted and finished jobs, queue depth and age."""
        return self._sender.send(calls.get_stats(query))

    # Areas and files

    def create_area(
        self,
        env_id: str,
        name: str,
        *,
        load_mode: LoadMode | None = None,
        key_columns: Sequence[str] | None = None,
        schema_change: SchemaChange | None = None,
        source: Mapping[str, str] | None = None,
    ) -> Area:
        """A new file area. Its files go to one table. ``source`` is a place to scan: `{"url": …, "glob": …}`."""
        return self._sender.send(calls.create_area(env_id, name, load_mode, key_columns, schema_change, source))

    def list_areas(self, env_id: str, **page: Unpack[ListOptions]) -> Page[Area]:
        """The areas of an environment."""
        return self._sender.send(calls.list_areas(env_id, page))

    def get_area(self, env_id: str, area_id: str) -> Area:
        """An area."""
        return self._sender.send(calls.get_area(env_id, area_id))

    def update_area(self, env_id: str, area_id: str, **changes: Any) -> Area:
        """Change an area: `name`, `load_mode`, `key_columns`, `schema_change`, `source`."""
        return self._sender.send(calls.update_area(env_id, area_id, changes))

    def scan_area(self, env_id: str, area_id: str) -> Scan:
        """Submit a job for each file of the area's place that is new or has changed."""
        return self._sender.send(calls.scan_area(env_id, area_id))

    def delete_area(self, env_id: str, area_id: str) -> None:
        """Delete an area."""
        return self._sender.send(calls.delete_area(env_id, area_id))

    def upload_file(
        self,
        env_id: str,
        area_id: str,
        source: Source,
        *,
        name: str | None = None,
        on_progress: Progress | None = None,
    ) -> File:
        """Upload a file, streamed: a path, bytes, a binary file object, or an iterable of bytes."""
        upload = Upload(source, on_progress)
        key = calls.new_key() if upload.repeatable else None
        return self._sender.send(calls.upload_file(env_id, area_id, upload.name(name), key), upload)

    def list_files(self, env_id: str, area_id: str, **page: Unpack[ListOptions]) -> Page[File]:
        """The files of an area."""
        return self._sender.send(calls.list_files(env_id, area_id, page))

    def get_file(self, env_id: str, file_id: str) -> File:
        """A file."""
        return self._sender.send(calls.get_file(env_id, file_id))

    def delete_file(self, env_id: str, file_id: str, *, rows: str | None = None) -> None:
        """Delete a file; `rows` says whether the rows it loaded stay: `keep` or `remove`."""
        return self._sender.send(calls.delete_file(env_id, file_id, rows))

    def preview_file(self, env_id: str, file_id: str, *, limit: int | None = None) -> Preview:
        """How a file is read, its columns with types, its first rows, and warnings."""
        return self._sender.send(calls.preview_file(env_id, file_id, limit))

    # Plans

    def get_plan(self, env_id: str, area_id: str, *, version: int | None = None) -> dict[str, Any]:
        """The plan in force, or the version named."""
        return self._sender.send(calls.get_plan(env_id, area_id, version))

    def put_plan(
        self, env_id: str, area_id: str, plan: Mapping[str, Any], *, base_version: int | None = None
    ) -> dict[str, Any]:
        """Store a plan as a new version; with `base_version` only if no newer one is there."""
        return self._sender.send(calls.put_plan(env_id, area_id, plan, base_version))

    def list_plans(self, env_id: str, area_id: str, **page: Unpack[ListOptions]) -> Page[StoredPlan]:
        """The versions of an area's plan."""
        return self._sender.send(calls.list_plans(env_id, area_id, page))

    def approve_plan(self, env_id: str, area_id: str, version: int) -> dict[str, Any]:
        """Put a version in force."""
        return self._sender.send(calls.approve_plan(env_id, area_id, version))

    def preview_plan(self, env_id: str, file_id: str, plan: Mapping[str, Any]) -> dict[str, Any]:
        """What a plan makes of a file's first rows. Nothing is loaded."""
        return self._sender.send(calls.preview_plan(env_id, file_id, plan))

    # Tables

    def list_tables(self, env_id: str, **page: Unpack[ListOptions]) -> Page[Table]:
        """The tables of an environment."""
        return self._sender.send(calls.list_tables(env_id, page))

    def get_table(self, env_id: str, phys_id: str) -> Table:
        """A table with its columns."""
        return self._sender.send(calls.get_table(env_id, phys_id))

    def list_rows(self, env_id: str, phys_id: str, **page: Unpack[RowOptions]) -> Page[dict[str, Any]]:
        """Rows as objects, by logical names; `offset` goes to any place."""
        return self._sender.send(calls.list_rows(env_id, phys_id, page))

    def list_loads(self, env_id: str, phys_id: str, **page: Unpack[ListOptions]) -> Page[Load]:
        """The load ledger of a table."""
        return self._sender.send(calls.list_loads(env_id, phys_id, page))

    def list_rejects(self, env_id: str, load_id: str, **page: Unpack[ListOptions]) -> Page[Reject]:
        """The records that a load rejected, and why."""
        return self._sender.send(calls.list_rejects(env_id, load_id, page))

    def dismiss_rejects(self, env_id: str, load_id: str) -> None:
        """Give a load's rejects up."""
        return self._sender.send(calls.dismiss_rejects(env_id, load_id))

    def replay_rejects(self, env_id: str, load_id: str) -> Job:
        """A job that loads a load's rejects again, by the plan now in force."""
        return self._sender.send(calls.replay_rejects(env_id, load_id))

    def revert_load(self, env_id: str, load_id: str) -> dict[str, Any]:
        """Undo a load."""
        return self._sender.send(calls.revert_load(env_id, load_id))

    def profile_table(self, env_id: str, phys_id: str) -> dict[str, Any]:
        """Per column: nulls, distinct values, range, commonest values."""
        return self._sender.send(calls.profile_table(env_id, phys_id))


def submit_worker_job(
    type: str,  # noqa: A002  (the contract's name)
    params: Mapping[str, Any],
    *,
    env_id: str | None = None,
    idempotency_key: str | None = None,
    **options: Unpack[JobOptions],
) -> Job:
    """Submit one job from a backend service, with address and credentials from the environment."""
    with Client() as client:
        return client.start_job(type, params, env_id=env_id, idempotency_key=idempotency_key, **options)
