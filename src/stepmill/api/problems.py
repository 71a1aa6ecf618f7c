"""Every error answer: RFC 9457 problem details, from one place.

A problem is ``{type, title, status, code, detail, errors?, requestId}``. ``errors[].pointer`` is a JSON pointer: into
the body as it is, and under ``/query`` or ``/headers`` for the other parts of a request.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import psycopg
import psycopg_pool
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from stepmill.errors import FieldError, InputError, NotFoundError, RateLimitedError, StepmillError, UnavailableError

PROBLEM_JSON = "application/problem+json"

_HTTP_CODES = {
    400: "unreadable_request",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
}
_PLAIN_MESSAGES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field.",
}
_ELSEWHERE = {"query": "/query", "path": "/path", "header": "/headers", "cookie": "/cookies"}


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
) -> Response:
    """One problem as an answer."""
    body: dict[str, Any] = {
        "type": f"urn:stepmill:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors:
        body["errors"] = [{"pointer": error.pointer, "message": error.message} for error in errors]
    if details:
        body["details"] = dict(details)
    if request_id:
        body["requestId"] = request_id
    return Response(
        orjson.dumps(body, default=str),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type=PROBLEM_JSON,
    )


def problem_for(error: Exception, *, request_id: str | None = None) -> Response:
    """The answer to an error. What nobody foresaw is a 500 that says nothing of the inside."""
    if isinstance(error, RequestValidationError):
        error = invalid_request(error.errors(), error.body)
    elif isinstance(error, psycopg.Error | psycopg_pool.PoolTimeout):
        error = _database_error(error)
    if isinstance(error, StepmillError) and error.status != 500:
        return problem_response(
            error.status,
            error.code,
            error.message,
            errors=error.errors if isinstance(error, InputError) else (),
            details=error.details,
            headers=_headers_of(error),
            request_id=request_id,
        )
    if isinstance(error, HTTPException):
        code = _HTTP_CODES.get(error.status_code, f"http_{error.status_code}")
        return problem_response(
            error.status_code, code, _http_detail(error), headers=error.headers, request_id=request_id
        )
    if isinstance(error, ClientDisconnect):  # nobody reads this; it keeps the log's status true
        return problem_response(400, "client_left", "The client left before the request was complete.")
    return problem_response(
        500,
        "internal_error",
        "Something went wrong on our side. The log has the details under this request's id.",
        request_id=request_id,
    )


def invalid_request(errors: Sequence[Mapping[str, Any]], body: Any) -> StepmillError:
    """Pydantic's errors as one error with a pointer for each; a part of the address that can't be is 404."""
    if any(error.get("loc", ("",))[0] == "path" for error in errors):
        return NotFoundError("not_found", "There is nothing at this address.")
    fields = [field_error(error, body) for error in errors]
    first = fields[0] if fields else FieldError("", "It is not valid.")
    more = f" And {len(fields) - 1} more." if len(fields) > 1 else ""
    return InputError(
        "invalid_request",
        f"The request is not valid: {first.pointer or 'the body'}: {first.message}{more}",
        errors=fields[:100],
    )


def field_error(error: Mapping[str, Any], body: Any) -> FieldError:
    """One of pydantic's errors as a pointer and a sentence."""
    location = tuple(error.get("loc", ()))
    kind = str(error.get("type", ""))
    message = _PLAIN_MESSAGES.get(kind) or _sentence(str(error.get("msg", "It is not valid.")))
    if location and location[0] in _ELSEWHERE:
        return FieldError(_ELSEWHERE[location[0]] + _join(location[1:]), message)
    if location and location[0] == "body":
        location = location[1:]
    return FieldError(pointer_of(location, body, missing=kind == "missing"), message)


def pointer_of(location: Sequence[int | str], body: Any, *, missing: bool = False) -> str:
    """The JSON pointer of pydantic's ``location`` in ``body``.

    Pydantic puts names of its own between the fields (which member of a union was tried); those are not in the body.
    """
    found: list[int | str] = []
    value: Any = body
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if _has(value, part):
            value = value[part]
        elif not (missing and last):
            continue
        found.append(part)
    return _join(found)


def _has(value: Any, part: int | str) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


def _join(parts: Sequence[int | str]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _sentence(message: str) -> str:
    message = re.sub(r"^(Value error|Assertion failed), ", "", message).rstrip(".")
    return message[:1].upper() + message[1:] + "."


def _headers_of(error: StepmillError) -> dict[str, str]:
    if isinstance(error, RateLimitedError):
        return {"Retry-After": str(max(1, round(error.retry_after_seconds)))}
    if error.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="stepmill"'}
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": "2"}
    return {}


def _http_detail(error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return "There is nothing at this address."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"This address answers {(error.headers or {}).get('Allow', 'other methods')} only."
    return str(error.detail)


def _database_error(error: Exception) -> StepmillError:
    """What PostgreSQL refuses because of the value given is the caller's; being away is temporary."""
    if isinstance(error, psycopg.DataError):
        return InputError("invalid_value", "The database can't store one of the values given.")
    if isinstance(error, psycopg.errors.UndefinedTable):
        return NotFoundError("not_found", "It was removed just now.")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg_pool.PoolTimeout):
        return UnavailableError("database_unavailable", "The database does not answer just now. Try again.")
    return StepmillError("internal_error", "The database refused a statement.")
