"""An area's transform plans: the one in force, its versions, a new one, and what one would make of a file."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Query
from pydantic import Field
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import AreaId, Version
from stepmill.api.answers import Cursor, Limit, answer, invalid_cursor, read_cursor, write_cursor
from stepmill.api.callers import Editor, Viewer
from stepmill.api.environments import Env
from stepmill.api.idempotency import Once
from stepmill.api.parts import ApiParts, Parts
from stepmill.api.requests import ApiRoute
from stepmill.engine.job_type import JsonModel
from stepmill.errors import FieldError, InputError, NotFoundError
from stepmill.etl.plan.parse import dump_plan, parse_plan
from stepmill.planning.drift import may_lack
from stepmill.planning.preview import preview_plan
from stepmill.store import areas, files, plans
from stepmill.store.plans import PlanVersion
from stepmill.warehouse.listing import load_rejects

router = APIRouter(route_class=ApiRoute, tags=["Plans"], prefix="/api/envs/{envId}")

_OF_THE_VERSION = ("version", "author", "status", "score", "createdAt")
"""What an answer says of a version beside the plan itself; a plan that is sent back may still have it."""

_PREVIEW_ROWS = 20
_TRIED_REJECTS = 500

PlanBody = Annotated[
    dict[str, Any], Body(description="The plan, as GET gives it. `/docs` and the transform plan's page describe it.")
]


class PlanPreviewRequest(JsonModel):
    """A plan to be tried on a file."""

    file_id: str = Field(min_length=1, max_length=200)
    plan: dict[str, Any]
    limit: int = Field(
        default=_PREVIEW_ROWS, ge=1, le=500, strict=True, description="How many rows and rejects at most."
    )
    load_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="Try it on the first rejects of this load, too."
    )


@router.get("/areas/{areaId}/plan", summary="The plan in force", responses=schemas.ok(schemas.Plan))
async def get_plan(
    env: Env,
    area_id: AreaId,
    caller: Viewer,
    parts: Parts,
    version: Annotated[
        int | None, Query(ge=1, le=999_999_999, description="Another version than the one in force.", examples=[None])
    ] = None,
) -> Response:
    """Or that of another `version`. 404 `plan_not_found` before the first."""
    documents, tenant = parts.gateways.documents, caller.tenant_id
    await areas.get(documents, tenant, env.env_id, area_id)
    if version is not None:
        return answer(_plan_json(await plans.get(documents, tenant, env.env_id, area_id, version)))
    stored = await plans.in_force(documents, tenant, env.env_id, area_id)
    if stored is None:
        raise NotFoundError("plan_not_found", "The area has no plan yet. Its first load makes one, or PUT one here.")
    return answer(_plan_json(stored))


@router.put("/areas/{areaId}/plan", summary="Store a plan", status_code=201, responses=schemas.created(schemas.Plan))
async def put_plan(
    env: Env,
    area_id: AreaId,
    caller: Editor,
    parts: Parts,
    once: Once,
    body: PlanBody,
    base_version: Annotated[
        int | None,
        Query(
            alias="baseVersion",
            ge=1,
            le=999_999_999,
            description="The newest version that the caller knows. 409 `plan_changed` if there is a newer one.",
            examples=[None],
        ),
    ] = None,
) -> Response:
    """As a new version, in force from then on. 422 `invalid_plan` with a pointer to each fault."""

    async def act() -> Response:
        documents, tenant = parts.gateways.documents, caller.tenant_id
        await areas.get(documents, tenant, env.env_id, area_id)
        plan = parse_plan({name: value for name, value in body.items() if name not in _OF_THE_VERSION})
        stored = await plans.add(
            documents, tenant, env.env_id, area_id, dump_plan(plan), author="user", base_version=base_version
        )
        place = f"/api/envs/{env.env_id}/areas/{area_id}/plan?version={stored.version}"
        return answer(_plan_json(stored), 201, {"Location": place})

    return await once(act)


@router.get("/areas/{areaId}/plans", summary="Versions of the plan", responses=schemas.ok(schemas.PlanVersionList))
async def list_plans(
    env: Env, area_id: AreaId, caller: Viewer, parts: Parts, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Newest first, without the plans themselves."""
    documents, tenant = parts.gateways.documents, caller.tenant_id
    await areas.get(documents, tenant, env.env_id, area_id)
    found = await plans.find_all(
        documents, tenant, env.env_id, area_id, limit=limit + 1, after=_version_of(read_cursor("version", cursor))
    )
    page: dict[str, Any] = {"items": [_version_json(stored) for stored in found[:limit]]}
    if len(found) > limit:
        page["nextCursor"] = write_cursor("version", str(found[limit - 1].version))
    return answer(page)


@router.post(
    "/areas/{areaId}/plans/{version}/approve",
    summary="Put a version in force",
    responses=schemas.ok(schemas.Plan),
)
async def approve_plan(
    env: Env, area_id: AreaId, version: Version, caller: Editor, parts: Parts, once: Once
) -> Response:
    """409 `plan_superseded` for one that a later version replaced."""

    async def act() -> Response:
        documents, tenant = parts.gateways.documents, caller.tenant_id
        await areas.get(documents, tenant, env.env_id, area_id)
        return answer(_plan_json(await plans.approve(documents, tenant, env.env_id, area_id, version)))

    return await once(act)


@router.post("/plan-preview", summary="Try a plan", responses=schemas.ok(schemas.PlanPreview))
async def try_plan(env: Env, caller: Viewer, parts: Parts, body: PlanPreviewRequest) -> Response:
    """What a plan makes of a file's first rows, and of what a load rejected; nothing is loaded."""
    documents, tenant = parts.gateways.documents, caller.tenant_id
    file = await files.get(documents, tenant, env.env_id, body.file_id)
    area = await areas.get(documents, tenant, env.env_id, file.area_id)
    plan = _within(body.plan, "/plan")
    lackable = may_lack(parse_plan(plan), area.load_mode, area.key_columns, area.schema_change)
    location = parts.gateways.blobs.location(file.blob_path)
    rejected = await _rejected(parts, caller.tenant_id, env.env_id, body.load_id) if body.load_id else []
    found = await parts.preview_pool.run(preview_plan, location, file.name, plan, body.limit, rejected, lackable)
    return answer(found | {"rows": [orjson.Fragment(row) for row in found["rows"]]})


async def _rejected(parts: ApiParts, tenant_id: str, env_id: str, load_id: str) -> list[dict[str, Any]]:
    """The first rejects of a load, each with its record; without those whose record is very large."""
    found = await load_rejects(parts.gateways.sql, tenant_id, env_id, load_id, limit=_TRIED_REJECTS)
    pairs = zip(found.page["items"], found.records, strict=True)
    return [{**reject, "record": record} for reject, record in pairs if record is not None]


def _within(plan: dict[str, Any], pointer: str) -> dict[str, Any]:
    """The plan, checked; its faults are told by pointers into the request that holds it."""
    bare = {name: value for name, value in plan.items() if name not in _OF_THE_VERSION}
    try:
        return dump_plan(parse_plan(bare))
    except InputError as error:
        places = [FieldError(pointer + place.pointer, place.message) for place in error.errors]
        raise InputError(error.code, error.message, errors=places) from None


def _plan_json(stored: PlanVersion) -> dict[str, Any]:
    return {**stored.plan, **_version_json(stored)}


def _version_json(stored: PlanVersion) -> dict[str, Any]:
    data = stored.model_dump(mode="json", by_alias=True)
    return {name: data[name] for name in _OF_THE_VERSION}


def _version_of(place: str | None) -> int | None:
    if place is None:
        return None
    if not (place.isascii() and place.isdigit() and len(place) < 10):
        raise invalid_cursor()
    return int(place)
