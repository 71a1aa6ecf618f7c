"""Tables: what they are, their rows, loads and profile."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import PhysId
from stepmill.api.answers import Cursor, Limit, NameFilter, answer
from stepmill.api.callers import Viewer
from stepmill.api.environments import Env
from stepmill.api.parts import Parts
from stepmill.api.requests import ApiRoute
from stepmill.errors import FieldError, InputError
from stepmill.warehouse.listing import describe_table, list_tables, table_loads
from stepmill.warehouse.profile import profile_table
from stepmill.warehouse.rows import table_rows

router = APIRouter(route_class=ApiRoute, tags=["Tables"], prefix="/api/envs/{envId}/tables")

Offset = Annotated[
    int | None,
    Query(
        ge=0,
        lt=2**53,
        description="How many rows come before the page. Not together with `cursor`, which costs less in large tables.",
        examples=[None],
    ),
]


@router.get("", summary="Tables", responses=schemas.ok(schemas.TableList))
async def get_tables(
    env: Env, caller: Viewer, parts: Parts, q: NameFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Those that readers can see, by logical name."""
    sql = parts.gateways.sql
    return answer(await list_tables(sql, caller.tenant_id, env.env_id, name_contains=q, limit=limit, cursor=cursor))


@router.get("/{physId}", summary="One table", responses=schemas.ok(schemas.Table))
async def get_table(env: Env, phys_id: PhysId, caller: Viewer, parts: Parts) -> Response:
    """Its columns, size and last load."""
    return answer(await describe_table(parts.gateways.sql, caller.tenant_id, env.env_id, phys_id))


@router.get("/{physId}/rows", summary="A table's rows", responses=schemas.ok(schemas.RowList))
async def get_rows(
    env: Env,
    phys_id: PhysId,
    caller: Viewer,
    parts: Parts,
    limit: Limit = 50,
    cursor: Cursor = None,
    offset: Offset = None,
) -> Response:
    """As objects, by logical names. Numbers keep all their digits."""
    if cursor is not None and offset is not None:
        message = "A page begins after a cursor or at an offset. Leave one of them out."
        raise InputError("invalid_request", f"/query/offset: {message}", errors=[FieldError("/query/offset", message)])
    sql = parts.gateways.sql
    return answer(
        await table_rows(sql, caller.tenant_id, env.env_id, phys_id, limit=limit, cursor=cursor, offset=offset)
    )


@router.get("/{physId}/loads", summary="A table's loads", responses=schemas.ok(schemas.LoadList))
async def get_loads(
    env: Env, phys_id: PhysId, caller: Viewer, parts: Parts, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """The load ledger, newest first."""
    sql = parts.gateways.sql
    return answer(await table_loads(sql, caller.tenant_id, env.env_id, phys_id, limit=limit, cursor=cursor))


@router.get("/{physId}/profile", summary="A table's profile", responses=schemas.ok(schemas.Profile))
async def get_profile(env: Env, phys_id: PhysId, caller: Viewer, parts: Parts) -> Response:
    """For each column: nulls, distinct values, ends, and a histogram or the commonest values."""
    return answer(await profile_table(parts.gateways.sql, caller.tenant_id, env.env_id, phys_id))
