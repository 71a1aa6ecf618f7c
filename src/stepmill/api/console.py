"""The pages for people: the console, and signing in and out."""

import html
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from stepmill.api.callers import principal_of
from stepmill.api.console_files import CONSOLE, page_policy
from stepmill.api.parts import ApiParts, Parts
from stepmill.api.requests import ApiRoute
from stepmill.auth import SESSION_SECONDS
from stepmill.engine.idempotency import claim_key
from stepmill.errors import AuthenticationError, ConflictError, StepmillError

LOGIN_PATH = "/login"
CONSOLE_PATHS = (
    "/",
    "/jobs",
    "/jobs/{job_id}",
    "/areas",
    "/areas/{area_id}",
    "/areas/{area_id}/plan",
    "/areas/{area_id}/files/{file_id}",
    "/tables",
    "/tables/{phys_id}",
    "/workers",
)
"""Where the console is: its own router reads the rest of the address."""

_PAGE_STYLES = tuple(f"/static/style/{name}.css" for name in ("tokens", "base", "shell"))
_LOGIN_ROUTE = f"GET {LOGIN_PATH}"
_ONE_DAY = 1.0

router = APIRouter(route_class=ApiRoute, include_in_schema=False)


def page(body: str, *, title: str, status: int = 200, style: str | None = None) -> Response:
    """A whole page around ``body``, which is HTML already; ``style`` is the address of one more style sheet."""
    styles = (*_PAGE_STYLES, *((style,) if style else ()))
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)} · Stepmill</title>"
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
        + "".join(f'<link rel="stylesheet" href="{address}">' for address in styles)
        + f"</head><body>{body}</body></html>"
    )
    return Response(text, status_code=status, media_type="text/html", headers=page_headers())


def page_headers(text: str = "") -> dict[str, str]:
    """Headers of a page."""
    return {"Content-Security-Policy": page_policy(text), "Cache-Control": "no-store"}


def console_page() -> Response:
    """The console. The page holds no data; what it shows it asks the api for."""
    return _console(200)


def not_found_page() -> Response:
    """The same with status 404: its router says that there is nothing at this address, and has the way to the rest."""
    return _console(404)


def reads_pages(request: Request) -> bool:
    """Whether a person's browser asked, and for a page."""
    is_page = not request.url.path.startswith(("/api/", "/static/"))
    return is_page and request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


def _console(status: int) -> Response:
    text = (CONSOLE / "index.html").read_text(encoding="utf-8")
    return Response(text, status_code=status, media_type="text/html", headers=page_headers(text))


for path in CONSOLE_PATHS:
    # Not as a call of the api: what stands in the rest of the address is the console's own business.
    router.add_api_route(path, console_page, methods=["GET"], route_class_override=APIRoute)


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
        '<main class="lone flow"><h1>This link does not sign you in</h1>'
        f"<p>{html.escape(error.message)}</p>"
        "<p><code>stepmill link</code> prints another.</p></main>"
    )
