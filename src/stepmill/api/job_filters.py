"""The filters over jobs as a request has them: in the query, in the body, or in both."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field, ValidationError
from pydantic.alias_generators import to_camel

from stepmill.api.problems import invalid_request
from stepmill.engine.requests import MOST_JOB_IDS, JobFilter, JobIdText, JobStatus
from stepmill.errors import FieldError, InputError


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


class JobFilters(JobFilter):
    """The list's filters, in a body or in a query. Several values stand in a list, or in one text by comma."""

    job_id: Annotated[tuple[JobIdText, ...], BeforeValidator(_split)] = Field(
        default=(), min_length=1, max_length=MOST_JOB_IDS, description="Any of these jobs."
    )
    status: Annotated[tuple[JobStatus, ...], BeforeValidator(_split)] = Field(default=(), description="Any of these.")
    type: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(default=(), description="Any of these types.")


async def _filters_of_query(
    job_ids: Annotated[str | None, Query(alias="jobId", description="Jobs, by comma; at most 500.")] = None,
    status: Annotated[str | None, Query(description="Statuses, by comma.", examples=["RUNNING,PENDING"])] = None,
    types: Annotated[str | None, Query(alias="type", description="Job types, by comma.", examples=["FILE_ETL"])] = None,
    env_id: Annotated[str | None, Query(alias="envId", description="One environment's.")] = None,
    created_after: Annotated[str | None, Query(alias="createdAfter", description="RFC 3339.")] = None,
    created_before: Annotated[str | None, Query(alias="createdBefore", description="RFC 3339.")] = None,
    q: Annotated[str | None, Query(description="Text in id, type, params or error.")] = None,
) -> JobFilters:
    given = {
        "jobId": job_ids,
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


def one_filter(query: JobFilters, body: JobFilters | None) -> JobFilters:
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
            "Say which jobs: at least one of jobId, status, type, envId, createdAfter, createdBefore, q.",
            errors=[FieldError("", "It has no filter.")],
        )
    return JobFilters.model_validate(given)
