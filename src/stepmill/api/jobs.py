"""Jobs: submit, look, cancel, retry. What they mean is the engine's; here is only HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import JobId
from stepmill.api.answers import Cursor, IdempotencyKey, Limit, answer, page_of
from stepmill.api.callers import Operator, Viewer
from stepmill.api.idempotency import Once
from stepmill.api.parts import Parts
from stepmill.api.problems import invalid_request
from stepmill.api.requests import ApiRoute
from stepmill.engine import cancel, read, retry, submit
from stepmill.engine.job_type import JsonModel
from stepmill.engine.requests import JobFilter, JobRequest, JobStatus
from stepmill.errors import FieldError, InputError

router = APIRouter(route_class=ApiRoute, tags=["Jobs"])


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


class JobFilters(JobFilter):
    """The list's filters, in a body or in a query. Several values stand in a list, or in one text by comma."""

    status: Annotated[tuple[JobStatus, ...], BeforeValidator(_split)] = Field(default=(), description="Any of these.")
    type: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(default=(), description="Any of these types.")


class RetryRequest(JsonModel):
    """Where to go on."""

    from_step: str | None = Field(
        default=None, max_length=200, description="Run this step and all after it again. Default: the first not DONE."
    )


class JobBatch(JsonModel):
    """Jobs to submit together, all or none."""

    jobs: list[JobRequest] = Field(min_length=1, max_length=1000)


async def _filters_of_query(
    status: Annotated[str | None, Query(description="Statuses, by comma.", examples=["RUNNING,PENDING"])] = None,
    types: Annotated[str | None, Query(alias="type", description="Job types, by comma.", examples=["FILE_ETL"])] = None,
    env_id: Annotated[str | None, Query(alias="envId", description="One environment's.")] = None,
    created_after: Annotated[str | None, Query(alias="createdAfter", description="RFC 3339.")] = None,
    created_before: Annotated[str | None, Query(alias="createdBefore", description="RFC 3339.")] = None,
    q: Annotated[str | None, Query(description="Text in id, type, params or error.")] = None,
) -> JobFilters:
    given = {
        "status": status,
        "type": types,
        "envId": env_id,
        # A plus that nobody encoded arrives as a blank, and no RFC 3339 time has a blank there.
        "createdAfter": created_after and created_after.replace(" ", "+"),
        "createdBefore": created_before and created_before.replace(" ", "+"),
        "q": q,
    }
    try:
        return JobFilters.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        errors = [{**item, "loc": ("query", item["loc"][0])} for item in error.errors(include_url=False)]
        raise invalid_request(errors, None) from None


Filters = Annotated[JobFilters, Depends(_filters_of_query)]


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


@router.post(
    "/api/jobs/cancel", summary="Cancel many jobs", status_code=202, responses=schemas.accepted(schemas.Matched)
)
async def cancel_jobs(
    caller: Operator, parts: Parts, once: Once, chosen: Filters, body: JobFilters | None = None
) -> Response:
    """Those that the filters match and that have not ended."""

    async def act() -> Response:
        return answer({"matched": await cancel.cancel_jobs(parts.engine, caller, _one_filter(chosen, body))}, 202)

    return await once(act)


@router.post("/api/jobs/retry", summary="Retry many jobs", status_code=202, responses=schemas.accepted(schemas.Matched))
async def retry_jobs(
    caller: Operator, parts: Parts, once: Once, chosen: Filters, body: JobFilters | None = None
) -> Response:
    """Those that the filters match and that ended in ERROR or CANCELLED."""

    async def act() -> Response:
        return answer({"matched": await retry.retry_jobs(parts.engine, caller, _one_filter(chosen, body))}, 202)

    return await once(act)


def _one_filter(query: JobFilters, body: JobFilters | None) -> JobFilters:
    """The filters of query and body together. None at all is refused: it would mean every job there is."""
    in_query, in_body = query.model_dump(exclude_unset=True), body.model_dump(exclude_unset=True) if body else {}
    twice = [to_camel(name) for name in in_query.keys() & in_body.keys() if in_query[name] != in_body[name]]
    if twice:
        raise InputError(
            "invalid_request",
            f"Given in the query and in the body, with two values: {', '.join(sorted(twice))}. Give each once.",
            errors=[FieldError(f"/{name}", f"differs from /query/{name}") for name in sorted(twice)],
        )
    given = in_query | in_body
    if not any(given.values()):
        raise InputError(
            "filter_required",
            "Say which jobs: at least one of status, type, envId, createdAfter, createdBefore, q.",
            errors=[FieldError("", "It has no filter.")],
        )
    return JobFilters.model_validate(given)


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
