"""Reading a request's JSON body strictly: what can't be stored or means two things is refused here, with its place.

Python's own parser takes NaN, keeps the last of two equal keys and lets lone surrogates through; PostgreSQL can store
no NUL character, and no number past 64 bits survives every client. So the body is read whole (within the limit),
parsed with hooks, and walked once.
"""

import asyncio
import json
import math
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, get_origin

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from stepmill.errors import FieldError, InputError, MediaTypeError, NotFoundError, PayloadTooLargeError, UnreadableError

BODY_SECONDS = 30.0
MAX_DEPTH = 64
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,199}")
_LEAST_INTEGER = -(2**63)
_GREATEST_INTEGER = 2**64 - 1


class StrictRequest(Request):
    """A request whose JSON body was read and checked by :func:`read_json`."""

    def __init__(self, request: Request, body: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._checked_body = body
        self._checked_value = value

    async def body(self) -> bytes:
        """The bytes, read already."""
        return self._checked_body

    async def json(self) -> Any:
        """The value, checked already."""
        return self._checked_value


class ApiRoute(APIRoute):
    """A route that checks address, query and JSON body strictly before anything else sees them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the strict readers."""
        handle = super().get_route_handler()
        fields = [field for field in get_flat_params(self.dependant) if isinstance(field.field_info, Query)]
        known = frozenset(field.alias for field in fields)
        repeatable = frozenset(field.alias for field in fields if get_origin(field.field_info.annotation) is tuple)
        takes_body = self.body_field is not None
        body_required = self.body_field is not None and self.body_field.field_info.is_required()

        async def check_then_handle(request: Request) -> Response:
            check_path(request)
            check_query(request, known, repeatable)
            check_key(request)
            if not takes_body:
                return await handle(request)
            body = await read_body(request, request.app.state.max_request_bytes)
            if not body and not body_required:
                return await handle(StrictRequest(request, b"", None))
            require_json(request)
            return await handle(StrictRequest(request, body, parse_json(body)))

        return check_then_handle


def check_path(request: Request) -> None:
    """An id of characters that no id of ours has names nothing."""
    if not all(_ID.fullmatch(value) for value in request.path_params.values()):
        raise NotFoundError("not_found", "There is nothing at this address.")


def check_query(request: Request, known: frozenset[str], repeatable: frozenset[str] = frozenset()) -> None:
    """Refuse a parameter that is unknown, given twice or not storable: a filter that is misspelt must not match all."""
    errors = []
    for name in request.query_params:
        values = request.query_params.getlist(name)
        if name not in known:
            choice = f"Known here: {', '.join(sorted(known))}." if known else "There are none here."
            errors.append(_query_error(name, f"There is no such query parameter. {choice}"))
        elif len(values) > 1 and name not in repeatable:
            errors.append(_query_error(name, "It is given more than once."))
        elif fault := next(filter(None, map(text_fault, values)), None):
            errors.append(_query_error(name, fault))
    if errors:
        raise InputError("invalid_request", f"{errors[0].pointer}: {errors[0].message}", errors=errors[:100])


def check_key(request: Request) -> None:
    """Refuse two idempotency keys that differ: the request would be remembered under one of them."""
    if len(set(request.headers.getlist("idempotency-key"))) > 1:
        raise InputError(
            "invalid_request",
            "The header Idempotency-Key is there more than once, with different values. Send one.",
            errors=[FieldError("/headers/Idempotency-Key", "It is given more than once.")],
        )


def _query_error(name: str, message: str) -> FieldError:
    escaped = name[:100].replace("~", "~0").replace("/", "~1")
    return FieldError(f"/query/{escaped}", message)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises :class:`PayloadTooLargeError` as soon as it is known to be over ``limit`` bytes, :class:`UnreadableError`
    if it takes too long: what is under way counts, so nobody may hold a place for nothing.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise UnreadableError("body_too_slow", f"The body was not there after {BODY_SECONDS:.0f} s.") from None
    return b"".join(chunks)


def require_json(request: Request) -> None:
    """Raise :class:`MediaTypeError` unless the body says that it is JSON in UTF-8, not compressed."""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    media_type = media_type.strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        given = f"not {media_type[:100]}" if media_type else "and there is no Content-Type"
        raise MediaTypeError(
            "unsupported_media_type", f"Send the body as application/json (the header Content-Type), {given}."
        )
    charset = parameters.lower().partition("charset=")[2].split(";")[0].strip().strip('"')
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise MediaTypeError("unsupported_media_type", "Send JSON in UTF-8.")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise MediaTypeError("unsupported_media_type", "Send the JSON body without compression.")


def parse_json(body: bytes) -> Any:
    """The value of a JSON text. Unreadable ones are 400, those with a value nobody can store are 422 with its place."""
    if not body.strip():
        raise UnreadableError("unreadable_json", "A JSON body is needed and there is none.")
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise UnreadableError("unreadable_json", f"The body is not UTF-8 (byte {error.start}).") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UnreadableError("unreadable_json", f"The body is not JSON: {error.msg} ({place}).") from None
    except RecursionError:
        raise _too_deep() from None
    _check_values(value)
    return value


def _check_values(value: Any) -> None:
    """Walk without recursion, so that no depth can break the walk itself."""
    pending: list[tuple[Any, str, int]] = [(value, "", 1)]
    while pending:
        item, pointer, depth = pending.pop()
        if isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                raise _too_deep()
            pending.extend((inner, f"{pointer}/{key}", depth + 1) for key, inner in _members(item, pointer))
        elif fault := _fault(item):
            raise _unusable(pointer, fault)


def _members(item: dict[str, Any] | list[Any], pointer: str) -> Iterator[tuple[int | str, Any]]:
    if isinstance(item, list):
        yield from enumerate(item)
        return
    for key, inner in item.items():
        if fault := text_fault(key):
            raise _unusable(pointer, fault)
        yield key.replace("~", "~0").replace("/", "~1"), inner


def _fault(value: Any) -> str | None:
    if isinstance(value, str):
        return text_fault(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "This number is too large."
    if isinstance(value, int) and not _LEAST_INTEGER <= value <= _GREATEST_INTEGER:
        return "This number does not fit in 64 bits. Send it as text."
    return None


def text_fault(text: str) -> str | None:
    """Why PostgreSQL could not store ``text``, or None if it can."""
    if "\x00" in text:
        return "It holds a NUL character, which can't be stored."
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "It holds half of a surrogate pair, which is no character."
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise UnreadableError("unreadable_json", f"The key {twice[:100]!a} is there twice in one object.")
    return result


def _no_constant(name: str) -> Any:
    raise UnreadableError("unreadable_json", f"The body is not JSON: {name} is no JSON value.")


def _integer(digits: str) -> int:
    """Python refuses to convert very long numbers; such a one is out of range anyway, with its sign."""
    return int(digits) if len(digits) < 40 else int(digits[:40])


def _unusable(pointer: str, message: str) -> InputError:
    return InputError("invalid_request", f"{pointer or 'The body'}: {message}", errors=[FieldError(pointer, message)])


def _too_deep() -> UnreadableError:
    return UnreadableError("unreadable_json", f"The body is nested more than {MAX_DEPTH} levels deep.")


def _too_large(limit: int) -> PayloadTooLargeError:
    return PayloadTooLargeError("too_large", f"The body may have {limit:,} bytes at most.")
