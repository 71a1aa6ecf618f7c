"""Environments, and the environment that an address names."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import EnvId
from stepmill.api.answers import Cursor, Limit, answer, page_of
from stepmill.api.callers import Administrator, Viewer
from stepmill.api.idempotency import Once
from stepmill.api.parts import Parts, api_parts
from stepmill.api.requests import ApiRoute
from stepmill.auth import Principal
from stepmill.engine.job_type import JsonModel
from stepmill.store import environments
from stepmill.store.environments import Environment
from stepmill.warehouse.schemas import ensure_environment

router = APIRouter(route_class=ApiRoute, tags=["Environments"])


class EnvironmentRequest(JsonModel):
    """A new environment."""

    env_id: str = Field(description="1 to 40 of a to z, 0 to 9, _ and -.", examples=["staging"])
    name: str | None = Field(default=None, min_length=1, max_length=200, description="Default: its id.")


async def _environment(request: Request, env_id: EnvId) -> Environment:
    """The environment of the address: the caller's own, or it is not there."""
    caller: Principal = request.state.principal
    caller.require("viewer")
    return await environments.get(api_parts(request).engine.database, caller.tenant_id, env_id)


Env = Annotated[Environment, Depends(_environment)]


@router.get("/api/envs", summary="Environments", responses=schemas.ok(schemas.EnvironmentList))
async def list_environments(caller: Viewer, parts: Parts, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Those of the caller's tenant."""
    found = await environments.find_all(parts.engine.database, caller.tenant_id)
    return answer(page_of([each.as_json() for each in found], "envId", limit, cursor))


@router.post(
    "/api/envs", summary="Make an environment", status_code=201, responses=schemas.created(schemas.Environment)
)
async def create_environment(caller: Administrator, parts: Parts, once: Once, body: EnvironmentRequest) -> Response:
    """With its schema in the warehouse and a role that may read it. 409 `env_taken` when id or name is taken."""

    async def act() -> Response:
        database = parts.engine.database
        made = await environments.create(database, caller.tenant_id, body.env_id, body.name)
        conn = await database.connect(application_name="stepmill-environments", role=None)
        async with conn:
            await ensure_environment(conn, made.schema_name)
        return answer(made.as_json(), 201, {"Location": f"/api/envs/{made.env_id}"})

    return await once(act)
