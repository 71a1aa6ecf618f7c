"""File areas: named buckets of related files, each of which feeds one table."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import AreaId
from stepmill.api.answers import Cursor, Limit, NameFilter, answer, nothing, read_cursor, write_cursor
from stepmill.api.callers import Editor, Viewer
from stepmill.api.environments import Env
from stepmill.api.idempotency import Once
from stepmill.api.in_use import refuse_if_in_use
from stepmill.api.parts import ApiParts, Parts
from stepmill.api.requests import ApiRoute
from stepmill.engine.job_type import JsonModel
from stepmill.errors import StepmillError
from stepmill.gateways.documents import Totals
from stepmill.gateways.places import Places
from stepmill.store import areas, files, plans, sightings
from stepmill.store.areas import Area, LoadMode, SchemaChange, Source
from stepmill.store.environments import Environment
from stepmill.warehouse.removal import drop_table, rename_table

router = APIRouter(route_class=ApiRoute, tags=["Files"], prefix="/api/envs/{envId}")

Name = Annotated[str, Field(min_length=1, max_length=200, description="Also the table's name.", examples=["Orders"])]
KeyColumns = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    Field(max_length=32, description="The columns that tell rows apart, for `upsert`.", examples=[["order_id"]]),
]


class AreaSource(JsonModel):
    """The place that an area takes files from."""

    url: str = Field(
        min_length=1,
        max_length=1000,
        description="A folder, below one that is allowed.",
        examples=["s3://acme/exports"],
    )
    glob: str = Field(
        default="*",
        min_length=1,
        max_length=200,
        description="Which of its files: a pattern of paths below the URL; `**` is any number of folders.",
        examples=["orders/**/*.csv.gz"],
    )

    def checked(self, parts: ApiParts) -> Source:
        """The source. Raises InputError ``place_not_allowed`` and ``invalid_source``."""
        Places(parts.engine.settings.places).check(self.url, self.glob)
        return Source(url=self.url, glob=self.glob)


class AreaRequest(JsonModel):
    """A new area."""

    name: Name
    load_mode: LoadMode = Field(default="replaceFile", description="What a file's rows do to those already there.")
    key_columns: KeyColumns = ()
    schema_change: SchemaChange = Field(
        default="evolve",
        description="What is done when a file has other columns, or other values, than the plan knows.",
    )
    source: AreaSource | None = Field(default=None, description="The place that a scan takes files from.")


class AreaChanges(JsonModel):
    """What to change of an area; what is left out stays."""

    name: Name | None = None
    load_mode: LoadMode | None = None
    key_columns: KeyColumns | None = None
    schema_change: SchemaChange | None = None
    source: AreaSource | None = Field(default=None, description="Null takes it away.")


@router.post("/areas", summary="Make a file area", status_code=201, responses=schemas.created(schemas.Area))
async def create_area(env: Env, caller: Editor, parts: Parts, once: Once, body: AreaRequest) -> Response:
    """409 `name_taken` when there is one of that name."""

    async def act() -> Response:
        area = await areas.create(
            parts.gateways.documents,
            caller.tenant_id,
            env.env_id,
            name=body.name,
            load_mode=body.load_mode,
            key_columns=body.key_columns,
            schema_change=body.schema_change,
            source=body.source.checked(parts) if body.source else None,
        )
        shown = await _shown(parts, env, area)
        return answer(shown, 201, {"Location": f"/api/envs/{env.env_id}/areas/{area.area_id}"})

    return await once(act)


@router.get("/areas", summary="File areas", responses=schemas.ok(schemas.AreaList))
async def list_areas(
    env: Env, caller: Viewer, parts: Parts, q: NameFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """In the order of their making."""
    after = read_cursor("areaId", cursor)
    found = await areas.find_all(
        parts.gateways.documents, caller.tenant_id, env.env_id, name_contains=q, limit=limit + 1, after=after
    )
    page: dict[str, Any] = {"items": await _all_shown(parts, env, found[:limit])}
    if len(found) > limit:
        page["nextCursor"] = write_cursor("areaId", found[limit - 1].area_id)
    return answer(page)


@router.get("/areas/{areaId}", summary="One file area", responses=schemas.ok(schemas.Area))
async def get_area(env: Env, area_id: AreaId, caller: Viewer, parts: Parts) -> Response:
    """With its load mode, the id of its table, and how many files it has."""
    area = await areas.get(parts.gateways.documents, caller.tenant_id, env.env_id, area_id)
    return answer(await _shown(parts, env, area))


@router.patch("/areas/{areaId}", summary="Change a file area", responses=schemas.ok(schemas.Area))
async def change_area(
    env: Env, area_id: AreaId, caller: Editor, parts: Parts, once: Once, body: AreaChanges
) -> Response:
    """What is left out stays. With its name its table's changes, and what stands on that stays."""
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    if "source" in body.model_fields_set:
        changes["source"] = body.source.checked(parts) if body.source else None

    async def act() -> Response:
        documents, tenant = parts.gateways.documents, caller.tenant_id
        before = await areas.get(documents, tenant, env.env_id, area_id)
        area = await areas.update(documents, tenant, env.env_id, area_id, changes)
        if area.name != before.name:
            try:
                await rename_table(parts.gateways.sql, tenant, env.env_id, area.phys_id, area.name)
            except StepmillError:
                await areas.update(documents, tenant, env.env_id, area_id, {"name": before.name})
                raise
        return answer(await _shown(parts, env, area))

    return await once(act)


@router.delete("/areas/{areaId}", summary="Remove a file area", status_code=204, responses=schemas.DELETED)
async def delete_area(env: Env, area_id: AreaId, caller: Editor, parts: Parts, once: Once) -> Response:
    """With its files, plans and table. 409 `area_in_use` while a job works on it, `view_in_use` if a view needs it."""

    async def act() -> Response:
        documents, blobs, tenant = parts.gateways.documents, parts.gateways.blobs, caller.tenant_id
        area = await areas.get(documents, tenant, env.env_id, area_id)
        # A job that runs would make the table again, of an area that is no more.
        await refuse_if_in_use(parts, caller, env.env_id, area_id, "area_in_use")
        await drop_table(parts.gateways.sql, tenant, env.env_id, area.phys_id)
        while found := await files.find_all(documents, tenant, env.env_id, area_id):
            for file in found:
                await files.delete(documents, blobs, tenant, env.env_id, file.file_id)
        await plans.delete_all(documents, tenant, env.env_id, area_id)
        await sightings.delete_all(documents, tenant, env.env_id, area_id)
        await areas.delete(documents, tenant, env.env_id, area_id)
        return nothing()

    return await once(act)


async def _shown(parts: ApiParts, env: Environment, area: Area) -> dict[str, Any]:
    return (await _all_shown(parts, env, [area]))[0]


async def _all_shown(parts: ApiParts, env: Environment, found: Sequence[Area]) -> list[dict[str, Any]]:
    """The areas with what they have, asked for all at once."""
    if not found:
        return []
    documents, ids = parts.gateways.documents, [area.area_id for area in found]
    totals = await files.totals(documents, env.tenant_id, env.env_id, ids)
    versions = await plans.versions_in_force(documents, env.tenant_id, env.env_id, ids)
    none = Totals(0, 0, None)
    return [
        area.as_json()
        | {"files": totals.get(area.area_id, none).count, "bytes": totals.get(area.area_id, none).sum}
        | {"planVersion": versions.get(area.area_id)}
        for area in found
    ]
