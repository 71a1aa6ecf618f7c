"""The workers that are alive."""

from fastapi import APIRouter
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.answers import Cursor, Limit, answer, page_of
from stepmill.api.callers import Viewer
from stepmill.api.parts import Parts
from stepmill.api.requests import ApiRoute
from stepmill.engine import read

router = APIRouter(route_class=ApiRoute, tags=["Jobs"])


@router.get("/api/workers", summary="Workers that are alive", responses=schemas.ok(schemas.WorkerList))
async def list_workers(caller: Viewer, parts: Parts, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Each beats every few seconds; one that has been silent for 12 s is gone from the list.

    `jobs` says what it runs now for the caller's tenant; other tenants' jobs are in `runningJobs` alone.
    """
    workers = await read.list_workers(parts.engine, caller)
    workers.sort(key=lambda worker: worker["workerId"])
    return answer(page_of(workers, "workerId", limit, cursor))
