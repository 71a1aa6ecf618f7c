"""One load: its rejects, loading them again, taking it back."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from stepmill.api import schemas
from stepmill.api.addresses import LoadId
from stepmill.api.answers import MAX_LIMIT, Cursor, Limit, answer, nothing
from stepmill.api.callers import Operator, Viewer
from stepmill.api.environments import Env
from stepmill.api.idempotency import Once
from stepmill.api.parts import ApiParts, Parts
from stepmill.api.requests import ApiRoute
from stepmill.engine import submit
from stepmill.engine.requests import JobRequest
from stepmill.errors import InputError, NotFoundError
from stepmill.etl.plan.parse import parse_plan
from stepmill.gateways.sql.database import Database
from stepmill.planning.reject_cells import CellSplitter
from stepmill.store import plans
from stepmill.warehouse.listing import Rejects, load_rejects
from stepmill.warehouse.reject_upkeep import dismiss_rejects
from stepmill.warehouse.replay import replay_params
from stepmill.warehouse.revert import revert_load

router = APIRouter(route_class=ApiRoute, tags=["Tables"], prefix="/api/envs/{envId}/loads/{loadId}")

_CSV_COLUMNS = ("line", "column", "reason", "code", "raw")
_REPLAY_TYPE = "FILE_ETL"
_LIMIT = 50


@router.get("/rejects", summary="A load's rejects", responses=schemas.REJECTS)
async def get_rejects(
    env: Env,
    load_id: LoadId,
    caller: Viewer,
    parts: Parts,
    limit: Annotated[Limit | None, Query(description="How many at most: 50 by default, of CSV all.")] = None,
    cursor: Cursor = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format", description="JSON, or CSV with a header.")] = "json",
) -> Response:
    """Rows that were not loaded, in the order of the source. A page of CSV names the next one in `X-Next-Cursor`."""
    if form == "csv" and limit is None:
        return await _all_as_csv(parts.gateways.sql, caller.tenant_id, env.env_id, load_id, cursor)
    found = await load_rejects(
        parts.gateways.sql, caller.tenant_id, env.env_id, load_id, limit=limit or _LIMIT, cursor=cursor
    )
    if form == "csv":
        headers = {"X-Next-Cursor": found.page["nextCursor"]} if "nextCursor" in found.page else {}
        return Response(_csv_of(found), media_type="text/csv", headers=headers | _as_file(load_id))
    splitter = await _splitter(parts, caller.tenant_id, env.env_id, found)
    # In a thread: splitting a page of large records takes long enough to be felt by those who wait for events.
    return answer(await asyncio.to_thread(_with_cells, found, splitter))


@router.delete("/rejects", summary="Dismiss a load's rejects", status_code=204, responses=schemas.DELETED)
async def dismiss(env: Env, load_id: LoadId, caller: Operator, parts: Parts) -> Response:
    """They are given up: no longer shown, not to be replayed, and removed soon. The ledger keeps their number."""
    await dismiss_rejects(parts.gateways.sql, caller.tenant_id, env.env_id, load_id)
    return nothing()


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


async def _all_as_csv(database: Database, tenant_id: str, env_id: str, load_id: str, cursor: str | None) -> Response:
    """Page after page, as fast as they are taken. The first is read before anything is answered: it may be refused."""
    first = await load_rejects(database, tenant_id, env_id, load_id, limit=MAX_LIMIT, cursor=cursor)

    async def pages() -> AsyncIterator[str]:
        found = first
        yield _csv_of(found)
        while "nextCursor" in found.page:
            following = found.page["nextCursor"]
            found = await load_rejects(database, tenant_id, env_id, load_id, limit=MAX_LIMIT, cursor=following)
            yield _csv_of(found, header=False)

    return StreamingResponse(pages(), media_type="text/csv", headers=_as_file(load_id))


def _csv_of(found: Rejects, *, header: bool = True) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV_COLUMNS, extrasaction="ignore", lineterminator="\r\n")
    if header:
        writer.writeheader()
    writer.writerows(found.page["items"])
    return text.getvalue()


def _as_file(load_id: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="rejects-{load_id}.csv"'}
