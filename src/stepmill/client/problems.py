"""Answers that are errors, as the errors of `stepmill.errors`."""

import json
from collections.abc import Mapping
from typing import Any

from stepmill.errors import (
    AuthenticationError,
    ConflictError,
    FieldError,
    ForbiddenError,
    InputError,
    MediaTypeError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    StepmillError,
    UnavailableError,
    UnreadableError,
)

INPUT_ERRORS: dict[int, type[InputError]] = {
    400: UnreadableError,
    413: PayloadTooLargeError,
    415: MediaTypeError,
    422: InputError,
}
OTHER_ERRORS: dict[int, type[StepmillError]] = {
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> StepmillError:
    """The error that an answer with a status of 400 or more stands for."""
    problem = _problem(body)
    code = str(problem.get("code") or f"http_{status}")
    message = str(problem.get("detail") or problem.get("title") or f"The server answered with status {status}.")
    if status == 429:
        return RateLimitedError(code, message, retry_after_seconds=retry_after(headers) or 1.0)
    if status in INPUT_ERRORS:
        return INPUT_ERRORS[status](code, message, errors=_field_errors(problem), details=problem.get("details"))
    return OTHER_ERRORS.get(status, StepmillError)(code, message, details=problem.get("details"))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the answer asks to wait, if it does so in seconds."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


def _problem(body: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(body)
    except ValueError:  # a proxy's own page, or nothing
        return {}
    return problem if isinstance(problem, dict) else {}


def _field_errors(problem: Mapping[str, Any]) -> list[FieldError]:
    errors = problem.get("errors")
    if not isinstance(errors, list):
        return []
    return [
        FieldError(pointer=str(error.get("pointer", "")), message=str(error.get("message", "")))
        for error in errors
        if isinstance(error, dict)
    ]
