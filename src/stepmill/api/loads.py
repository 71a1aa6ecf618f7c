"""One load: its rejects, loading them again, taking it back."""

import asyncio
import csv
import io
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import LoadId
from stepmill.api.answers import Cursor, Limit, answer
from stepmill.api.callers import Operator, Viewer
from stepmill.api.environments import Env
from stepmill.api.idempotency import Once
from stepmill.api.parts import ApiParts, Parts
from stepmill.api.requests import ApiRoute
from stepmill.engine import submit
from stepmill.engine.requests import JobRequest
from stepmill.errors import InputError, NotFoundError
from stepmill.etl.plan.parse import parse_plan
from stepmill.planning.reject_cells import CellSplitter
from stepmill.store import plans
from stepmill.warehouse.listing import Rejects, load_rejects
from stepmill.warehouse.replay import replay_params
from stepmill.warehouse.revert import revert_load

router = APIRouter(route_class=ApiRoute, tags=["Tables"], prefix="/api/envs/{envId}/loads/{loadId}")

_CSV_COLUMNS = ("line", "column", "reason", "code", "raw")
_REPLAY_TYPE = "FILE_ETL"


@router.get("/rejects", summary="A load's rejects", responses=schemas.REJECTS)
async def get_rejects(
    env: Env,
    load_id: LoadId,
    caller: Viewer,
    parts: Parts,
    limit: Limit = 50,
    cursor: Cursor = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format", description="JSON, or CSV with a header.")] = "json",
) -> Response:
    """Rows that were not loaded, in the order of the source. A page of CSV names the next one in `X-Next-Cursor`."""
    found = await load_rejects(parts.gateways.sql, caller.tenant_id, env.env_id, load_id, limit=limit, cursor=cursor)
    if form == "csv":
        return _as_csv(found.page, load_id)
    splitter = await _splitter(parts, caller.tenant_id, env.env_id, found)
    # In a thread: splitting a page of large records takes long enough to be felt by those who wait for events.
    return answer(await asyncio.to_thread(_with_cells, found, splitter))


@router.post(
    "/replay-rejects",
    summary="Load a load's rejects again",
    status_code=201,
    responses=schemas.created(schemas.Job),
)
async def replay_rejects(env: Env, load_id: LoadId, caller: Operator, parts: Parts, once: Once) -> Response:
    """A job that loads just those rows by the plan now in force. 409 `superseded` if a later load is in force."""

    async def act() -> Response:
        params = await replay_params(parts.gateways.sql, caller.tenant_id, env.env_id, load_id)
        job, _ = await submit.submit_job(parts.engine, caller, JobRequest(type=_REPLAY_TYPE, params=params))
        return answer(job, 201, {"Location": f"/api/jobs/{job['jobId']}"})

    return await once(act)


@router.post("/revert", summary="Take a load back", status_code=202, responses=schemas.accepted(schemas.Reverted))
async def revert(env: Env, load_id: LoadId, caller: Operator, parts: Parts, once: Once) -> Response:
    """An append's rows go, what a replace replaced comes back. 409 `not_revertible` with the reason."""

    async def act() -> Response:
        await revert_load(parts.gateways.sql, caller.tenant_id, env.env_id, load_id)
        return answer({"loadId": load_id, "reverted": True}, 202)

    return await once(act)


async def _splitter(parts: ApiParts, tenant_id: str, env_id: str, found: Rejects) -> CellSplitter:
    try:
        stored = await plans.get(parts.gateways.documents, tenant_id, env_id, found.owner.id, found.plan_version)
        return CellSplitter.of_plan(parse_plan(stored.plan))
    except (NotFoundError, InputError):  # the rejects are worth seeing without the plan, too
        return CellSplitter()


def _with_cells(found: Rejects, splitter: CellSplitter) -> dict[str, Any]:
    items = [
        item | {"cells": record and splitter.cells(record, item["column"], item["code"])}
        for item, record in zip(found.page["items"], found.records, strict=True)
    ]
    return found.page | {"items": items}


def _as_csv(page: dict[str, Any], load_id: str) -> Response:
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV_COLUMNS, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(page["items"])
    headers = {"Content-Disposition": f'attachment; filename="rejects-{load_id}.csv"'}
    if "nextCursor" in page:
        headers["X-Next-Cursor"] = page["nextCursor"]
    return Response(text.getvalue(), media_type="text/csv", headers=headers)
