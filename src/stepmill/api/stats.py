"""Statistics over time."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.answers import answer
from stepmill.api.callers import Viewer
from stepmill.api.parts import Parts
from stepmill.api.requests import ApiRoute
from stepmill.engine.stats import StatsRequest, stats

router = APIRouter(route_class=ApiRoute, tags=["Jobs"])

_ONE_DAY = 24 * 3600
_FIRST = datetime(1970, 1, 2, tzinfo=UTC)
_END = datetime(3000, 1, 1, tzinfo=UTC)


def _with_plus(value: object) -> object:
    """A plus that nobody encoded arrives as a blank, and no RFC 3339 time has a blank there."""
    return value.replace(" ", "+") if isinstance(value, str) else value


def _within_reach(value: datetime | None) -> datetime | None:
    if value is not None and not _FIRST <= value < _END:
        raise ValueError(f"It must be between {_FIRST:%Y-%m-%d} and {_END:%Y-%m-%d}")
    return value


Time = Annotated[AwareDatetime | None, BeforeValidator(_with_plus), AfterValidator(_within_reach)]


@router.get("/api/stats", summary="Statistics", responses=schemas.ok(schemas.Stats))
async def get_stats(
    caller: Viewer,
    parts: Parts,
    since: Annotated[Time, Query(alias="from", description="RFC 3339. Default: an hour before `to`.")] = None,
    until: Annotated[Time, Query(alias="to", description="RFC 3339. Default: now.")] = None,
    step_seconds: Annotated[
        int, Query(alias="stepSeconds", ge=1, le=_ONE_DAY, description="Length of one stretch.")
    ] = 60,
    env_id: Annotated[str | None, Query(alias="envId", max_length=200, description="One environment's.")] = None,
    job_type: Annotated[str | None, Query(alias="type", max_length=100, description="One job type's.")] = None,
) -> Response:
    """Jobs submitted and finished, length and age of the queue, seconds in steps, rows loaded, by stretch."""
    until = until or datetime.now(UTC)
    since = since or until - timedelta(hours=1)
    return answer(await stats(parts.engine, caller, StatsRequest(since, until, step_seconds, env_id, job_type)))
