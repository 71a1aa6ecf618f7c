"""The two event streams: one job, and the status changes of all jobs with the events of some."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import JobId
from stepmill.api.answers import nothing
from stepmill.api.callers import Viewer
from stepmill.api.parts import Parts
from stepmill.api.requests import ApiRoute
from stepmill.api.sse import EventStream, LastEventId
from stepmill.engine import read
from stepmill.engine.hub_merge import feed_and_jobs
from stepmill.errors import FieldError, InputError
from stepmill.store import environments

MOST_FOLLOWED = 20

_FOLLOWED = re.compile(r"(?P<job_id>[A-Za-z0-9][A-Za-z0-9_.\-]{0,199})(:(?P<seq>\d{1,18}))?", re.ASCII)

router = APIRouter(route_class=ApiRoute, tags=["Jobs"])


async def _jobs_to_follow(
    follow: Annotated[
        tuple[str, ...],
        Query(description="Jobs whose events come too, by comma or repeated: an id, or id:number for those after it."),
    ] = (),
) -> dict[str, int | None]:
    """Each job with the number of the last event that the reader has of it."""
    texts = [text.strip() for value in follow for text in value.split(",")]
    if len(texts) > MOST_FOLLOWED:
        raise _unfollowable(f"It names {len(texts):,} jobs; {MOST_FOLLOWED} can be followed at once.")
    jobs: dict[str, int | None] = {}
    for text in texts:
        named = _FOLLOWED.fullmatch(text)
        if named is None:
            raise _unfollowable(f"{text[:100]!a} is no job's id, nor an id, a colon and an event's number.")
        if named["job_id"] in jobs:
            raise _unfollowable(f"The job {named['job_id']} is there twice.")
        jobs[named["job_id"]] = int(named["seq"]) if named["seq"] else None
    return jobs


def _unfollowable(message: str) -> InputError:
    return InputError("invalid_request", f"/query/follow: {message}", errors=[FieldError("/query/follow", message)])


Followed = Annotated[dict[str, int | None], Depends(_jobs_to_follow)]


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
    followed: Followed,
    env_id: Annotated[str | None, Query(alias="envId", max_length=200, description="One environment's.")] = None,
) -> Response:
    """`status` of every job the caller may see, from now on or after the event the reader has.

    First comes a block with an id alone: whoever is cut off before any event comes back with that. The events of the
    jobs in `follow` come as events called `job`, which have no id of their own; `data` is the event.
    """

    async def check() -> None:
        if env_id is not None:
            await environments.get(parts.engine.database, caller.tenant_id, env_id)
        await read.require_jobs(parts.engine, caller, followed)

    await check()
    if followed:
        return EventStream(feed_and_jobs(parts.hub, caller, env_id, after, followed), check, parts.streams)
    return EventStream(parts.hub.subscribe_feed(caller, env_id, after), check, parts.streams)
