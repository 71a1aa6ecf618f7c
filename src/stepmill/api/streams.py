"""The two event streams: one job, and the status changes of all jobs."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import JobId
from stepmill.api.answers import nothing
from stepmill.api.callers import Viewer
from stepmill.api.parts import Parts
from stepmill.api.requests import ApiRoute
from stepmill.api.sse import EventStream, LastEventId
from stepmill.engine import read
from stepmill.store import environments

router = APIRouter(route_class=ApiRoute, tags=["Jobs"])


@router.get(
    "/api/jobs/{jobId}/stream",
    summary="Follow a job",
    status_code=200,
    response_class=EventStream,
    responses=schemas.EVENT_STREAM,
)
async def stream_job(job_id: JobId, caller: Viewer, parts: Parts, after: LastEventId) -> Response:
    """`snapshot` first, unless the reader says which event it has; then `status`, `step`, `progress`, `log`.

    After `end` the stream is over. 204 while the job is at rest and the reader has everything.
    """
    events = await parts.hub.subscribe(caller, job_id, after)
    if events is None:
        return nothing()
    return EventStream(events, lambda: read.get_job(parts.engine, caller, job_id), parts.streams)


@router.get(
    "/api/stream",
    summary="Follow all jobs",
    status_code=200,
    response_class=EventStream,
    responses=schemas.EVENT_STREAM,
)
async def stream_all(
    caller: Viewer,
    parts: Parts,
    after: LastEventId,
    env_id: Annotated[str | None, Query(alias="envId", max_length=200, description="One environment's.")] = None,
) -> Response:
    """`status` of every job the caller may see, from now on or after the event the reader has."""

    async def check() -> None:
        if env_id is not None:
            await environments.get(parts.engine.database, caller.tenant_id, env_id)

    await check()
    return EventStream(parts.hub.subscribe_feed(caller, env_id, after), check, parts.streams)
