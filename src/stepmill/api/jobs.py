"""Jobs: submit, look, cancel, retry. What they mean is the engine's; here is only HTTP."""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import JobId
from stepmill.api.answers import (
    Cursor,
    IdempotencyKey,
    Limit,
    answer,
    invalid_cursor,
    page_of,
    read_cursor,
    write_cursor,
)
from stepmill.api.callers import Operator, Viewer
from stepmill.api.idempotency import Once
from stepmill.api.job_filters import Filters, JobFilters, one_filter
from stepmill.api.parts import Parts
from stepmill.api.requests import ApiRoute
from stepmill.engine import cancel, job_filters, read, retry, submit
from stepmill.engine.job_type import JsonModel
from stepmill.engine.requests import JobRequest, JobStatus

router = APIRouter(route_class=ApiRoute, tags=["Jobs"])


class RetryRequest(JsonModel):
    """Where to go on."""

    from_step: str | None = Field(
        default=None, max_length=200, description="Run this step and all after it again. Default: the first not DONE."
    )


class JobBatch(JsonModel):
    """Jobs to submit together, all or none."""

    jobs: list[JobRequest] = Field(min_length=1, max_length=1000)


@router.post("/api/jobs", summary="Submit a job", status_code=201, responses=schemas.created(schemas.Job, repeat=True))
async def submit_job(caller: Operator, parts: Parts, body: JobRequest, key: IdempotencyKey = None) -> Response:
    """201 with the job. A repeat with the same idempotency key gets the first job, with 200."""
    job, created = await submit.submit_job(parts.engine, caller, body, key)
    return answer(job, 201 if created else 200, {"Location": f"/api/jobs/{job['jobId']}"})


@router.post(
    "/api/jobs/batch", summary="Submit up to 1,000 jobs", status_code=201, responses=schemas.created(schemas.JobList)
)
async def submit_batch(caller: Operator, parts: Parts, body: JobBatch, key: IdempotencyKey = None) -> Response:
    """All or none."""
    return answer({"items": await submit.submit_batch(parts.engine, caller, body.jobs, key)}, 201)


@router.get("/api/jobs", summary="List jobs", responses=schemas.ok(schemas.JobList))
async def list_jobs(
    caller: Viewer, parts: Parts, chosen: Filters, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Newest first."""
    return answer(await read.list_jobs(parts.engine, caller, chosen, limit, cursor))


@router.get("/api/jobs/counts", summary="Count jobs", responses=schemas.ok(schemas.JobCounts))
async def count_jobs(caller: Viewer, parts: Parts, chosen: Filters) -> Response:
    """How many jobs the filters match, in all and by status."""
    found = await job_filters.count_jobs(parts.engine, caller, chosen)
    by_status = {status: found.get(status, 0) for status in get_args(JobStatus)}
    return answer({"total": sum(by_status.values()), "byStatus": by_status})


@router.post(
    "/api/jobs/cancel", summary="Cancel many jobs", status_code=202, responses=schemas.accepted(schemas.Matched)
)
async def cancel_jobs(
    caller: Operator, parts: Parts, once: Once, chosen: Filters, body: JobFilters | None = None
) -> Response:
    """Those that the filters match and that have not ended."""

    async def act() -> Response:
        return answer({"matched": await cancel.cancel_jobs(parts.engine, caller, one_filter(chosen, body))}, 202)

    return await once(act)


@router.post("/api/jobs/retry", summary="Retry many jobs", status_code=202, responses=schemas.accepted(schemas.Matched))
async def retry_jobs(
    caller: Operator, parts: Parts, once: Once, chosen: Filters, body: JobFilters | None = None
) -> Response:
    """Those that the filters match and that ended in ERROR or CANCELLED."""

    async def act() -> Response:
        return answer({"matched": await retry.retry_jobs(parts.engine, caller, one_filter(chosen, body))}, 202)

    return await once(act)


@router.get("/api/jobs/{jobId}", summary="One job", responses=schemas.ok(schemas.Job))
async def get_job(job_id: JobId, caller: Viewer, parts: Parts) -> Response:
    """With its steps, progress, result and error, and why it waits."""
    return answer(await read.get_job(parts.engine, caller, job_id))


@router.get("/api/jobs/{jobId}/events", summary="A job's events", responses=schemas.ok(schemas.EventList))
async def list_events(
    job_id: JobId,
    caller: Viewer,
    parts: Parts,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only those with a greater number.")] = 0,
    limit: Limit = 50,
) -> Response:
    """The events of the stream, as JSON, oldest first."""
    return answer(await read.list_events(parts.engine, caller, job_id, after, limit))


@router.get("/api/jobs/{jobId}/attempts", summary="A job's attempts", responses=schemas.ok(schemas.AttemptList))
async def list_attempts(
    job_id: JobId, caller: Viewer, parts: Parts, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Each start of work on the job, oldest first: by which worker, from when to when, and how it ended."""
    place = read_cursor("attempt", cursor) or "0"
    if not (place.isascii() and place.isdigit() and len(place) < 10):
        raise invalid_cursor()
    attempts = await read.list_attempts(parts.engine, caller, job_id, int(place), limit + 1)
    page: dict[str, Any] = {"items": attempts[:limit]}
    if len(attempts) > limit:
        page["nextCursor"] = write_cursor("attempt", str(attempts[limit - 1]["attempt"]))
    return answer(page)


@router.post(
    "/api/jobs/{jobId}/cancel", summary="Cancel a job", status_code=202, responses=schemas.accepted(schemas.Job)
)
async def cancel_job(job_id: JobId, caller: Operator, parts: Parts, once: Once) -> Response:
    """It is CANCELLED when its work is proven stopped. 409 `not_cancellable` when it has ended."""

    async def act() -> Response:
        return answer(await cancel.cancel_job(parts.engine, caller, job_id), 202)

    return await once(act)


@router.post("/api/jobs/{jobId}/retry", summary="Retry a job", status_code=202, responses=schemas.accepted(schemas.Job))
async def retry_job(
    job_id: JobId, caller: Operator, parts: Parts, once: Once, body: RetryRequest | None = None
) -> Response:
    """Goes on at the first step that is not DONE. 409 `not_retryable` unless the job is in ERROR or CANCELLED."""
    from_step = body.from_step if body else None

    async def act() -> Response:
        return answer(await retry.retry_job(parts.engine, caller, job_id, from_step), 202)

    return await once(act)


@router.get("/api/job-types", summary="Job types", responses=schemas.ok(schemas.JobTypeList))
async def list_job_types(caller: Viewer, parts: Parts, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """What this installation can run, with the JSON Schema of each type's params."""
    types = [
        {
            "type": job_type.name,
            "description": job_type.description,
            "paramsSchema": job_type.params_schema(),
            "steps": [{"name": step.name, "always": step.always} for step in job_type.steps],
        }
        for job_type in parts.engine.registry
    ]
    return answer(page_of(types, "type", limit, cursor))
