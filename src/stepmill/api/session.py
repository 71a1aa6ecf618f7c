"""The caller, as the server sees it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from stepmill import __version__
from stepmill.api import schemas
from stepmill.api.answers import answer
from stepmill.api.requests import ApiRoute
from stepmill.auth import ROLES, Principal

router = APIRouter(route_class=ApiRoute, tags=["Server"])


@router.get("/api/session", summary="Who calls", responses=schemas.ok(schemas.Session))
async def get_session(request: Request) -> Response:
    """Whoever may call at all may ask. `version` is the server's."""
    caller: Principal = request.state.principal
    roles = [role for role in ROLES if role in caller.roles]
    return answer({"subject": caller.subject, "tenantId": caller.tenant_id, "roles": roles, "version": __version__})
