"""Who calls: found once per request, before its body is read, and asked for by each route as the role it needs."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from stepmill.api.limits import origin_host
from stepmill.api.problems import problem_for
from stepmill.auth import Authenticator, Principal, RoleName
from stepmill.errors import AuthenticationError, ForbiddenError, StepmillError

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class AuthenticationMiddleware:
    """Puts the principal of a request to ``/api/`` into its state; without one it is 401."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            try:
                scope["state"]["principal"] = principal_of(scope, self._authenticator)
            except StepmillError as error:
                response = problem_for(error, request_id=scope["state"].get("request_id"))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def principal_of(scope: Scope, authenticator: Authenticator) -> Principal:
    """The principal that a request proves by its bearer token or its session cookie."""
    headers = Headers(scope=scope)
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise AuthenticationError("invalid_token", "The header Authorization must be: Bearer and a token.")
        return authenticator.bearer(token.strip())
    cookie = _cookie(headers, authenticator.cookie_name)
    if cookie is None:
        raise AuthenticationError(
            "authentication_required",
            "Send a token in the header Authorization, or sign in by the link that the server printed.",
        )
    principal = authenticator.session(cookie)
    if scope["method"] not in _SAFE_METHODS:
        _refuse_other_pages(headers)
    return principal


def _refuse_other_pages(headers: Headers) -> None:
    """A cookie is sent for any page of the same host, whatever its port: only our own pages may write by it."""
    origin = headers.get("origin")
    if origin is not None and origin_host(origin).lower() != headers.get("host", "").lower():
        raise ForbiddenError("origin_not_allowed", "Only this server's own pages may do this with a session cookie.")


def _cookie(headers: Headers, name: str) -> str | None:
    for header in headers.getlist("cookie"):
        value = cookie_parser(header).get(name)
        if value is not None:
            return value
    return None


def _needs(role: RoleName) -> Callable[[Request], Awaitable[Principal]]:
    async def principal_with_role(request: Request) -> Principal:
        principal: Principal = request.state.principal
        principal.require(role)
        return principal

    return principal_with_role


Viewer = Annotated[Principal, Depends(_needs("viewer"))]
Operator = Annotated[Principal, Depends(_needs("operator"))]
Editor = Annotated[Principal, Depends(_needs("editor"))]
Administrator = Annotated[Principal, Depends(_needs("administrator"))]
