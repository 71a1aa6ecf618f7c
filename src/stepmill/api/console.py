"""The pages for people: the first page with its modules, and signing in and out.

Everything is served from the package under a policy that lets the browser load from here only and run no inline script.
"""

import html
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from stepmill.api.callers import principal_of
from stepmill.api.parts import ApiParts, Parts
from stepmill.api.requests import ApiRoute
from stepmill.auth import SESSION_SECONDS
from stepmill.engine.idempotency import claim_key
from stepmill.errors import AuthenticationError, ConflictError, StepmillError

LOGIN_PATH = "/login"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_STATIC = Path(__file__).parent / "static"
_LOGIN_ROUTE = f"GET {LOGIN_PATH}"
_ONE_DAY = 1.0

router = APIRouter(route_class=ApiRoute, include_in_schema=False)


def static_files() -> StaticFiles:
    """The modules, styles and pictures of the pages."""
    return StaticFiles(directory=_STATIC)


def page(body: str, *, title: str, status: int = 200) -> Response:
    """A whole page around ``body``, which is HTML already."""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)} · Stepmill</title>"
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/static/style.css">'
        f"</head><body>{body}</body></html>"
    )
    return Response(text, status_code=status, media_type="text/html", headers=page_headers())


def page_headers() -> dict[str, str]:
    """Headers of a page."""
    return {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}


@router.get("/")
async def first_page() -> Response:
    """The newest jobs and one job, live. The page holds no data; what it shows it asks the api for."""
    return FileResponse(_STATIC / "index.html", media_type="text/html", headers=page_headers())


@router.get(LOGIN_PATH)
async def login(request: Request, parts: Parts, code: Annotated[str, Query(max_length=2000)] = "") -> Response:
    """Trade the one-time code of the printed link for a session, and leave no trace of it in the address."""
    try:
        await _burn(parts, code)
    except StepmillError as error:
        if _signed_in(request, parts):
            return _to_first_page()
        return page(_refusal(error), title="Sign in", status=AuthenticationError.status)
    response = _to_first_page()
    response.set_cookie(
        parts.authenticator.cookie_name,
        parts.authenticator.issue_session(),
        max_age=SESSION_SECONDS,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/logout")
async def logout(parts: Parts) -> Response:
    """Forget the session in this browser."""
    response = Response(status_code=204)
    response.delete_cookie(parts.authenticator.cookie_name, path="/", httponly=True, samesite="strict")
    return response


async def _burn(parts: ApiParts, code: str) -> None:
    """Take the code, once over all processes. It is written down like an idempotency key, and outlives itself there."""
    code_id = parts.authenticator.verify_login_code(code)
    user = parts.authenticator.local_user
    assert user is not None  # verify_login_code refuses without one
    async with parts.engine.database.transaction("stepmill_api", tenant=user.tenant_id) as conn:
        if await claim_key(conn, user.tenant_id, _LOGIN_ROUTE, code_id, "", _ONE_DAY) is not None:
            raise ConflictError("login_code_used", "This link was used already. It is good once.")


def _signed_in(request: Request, parts: ApiParts) -> bool:
    try:
        principal_of(request.scope, parts.authenticator)
    except StepmillError:
        return False
    return True


def _to_first_page() -> Response:
    return RedirectResponse(
        "/", status_code=303, headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    )


def _refusal(error: StepmillError) -> str:
    return (
        '<main class="page"><h1>This link does not sign you in</h1>'
        f"<p>{html.escape(error.message)}</p>"
        "<p><code>stepmill link</code> prints another.</p></main>"
    )
