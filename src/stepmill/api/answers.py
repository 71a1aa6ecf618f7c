"""Answers, and what lists have in common: their limit, their cursor and their pages."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any

import orjson
from fastapi import Header, Query
from starlette.responses import Response

from stepmill.errors import FieldError, InputError

MAX_LIMIT = 500

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many at most.", examples=[50])]
Cursor = Annotated[
    str | None, Query(min_length=1, max_length=2000, description="`nextCursor` of the page before.", examples=[None])
]
NameFilter = Annotated[
    str | None,
    Query(min_length=1, max_length=200, description="Text in the name, in capitals or not.", examples=[None]),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A repeat of the request with the same key, within 7 days, gets the first answer.",
    ),
]


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``data`` as JSON."""
    return Response(to_json(data), status_code=status, headers=headers, media_type="application/json")


def nothing() -> Response:
    """204: done, and there is nothing to say."""
    return Response(status_code=204)


def to_json(data: Any) -> bytes:
    """JSON of everything that a table can hold. Numbers keep all their digits, times are RFC 3339."""
    return orjson.dumps(data, default=_other, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _other(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value)) if value.is_finite() else str(value)
    if isinstance(value, int):  # past 64 bits, which orjson refuses
        return orjson.Fragment(str(value))
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | set | frozenset):
        return list(value)
    return str(value)


def page_of(items: Sequence[dict[str, Any]], key: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of a short list that is in memory and sorted by ``key``, whose values are unique texts."""
    after = read_cursor(key, cursor)
    rest = [item for item in items if after is None or item[key] > after]
    page: dict[str, Any] = {"items": rest[:limit]}
    if len(rest) > limit:
        page["nextCursor"] = write_cursor(key, rest[limit - 1][key])
    return page


def write_cursor(ordered_by: str, place: str) -> str:
    """An opaque cursor for the place after which the next page begins, good for lists of the same order only."""
    return base64.urlsafe_b64encode(f"{ordered_by}:{place}".encode()).decode().rstrip("=")


def read_cursor(ordered_by: str, cursor: str | None) -> str | None:
    """The place that :func:`write_cursor` wrote. Raises InputError ``invalid_cursor``."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise invalid_cursor() from None
    order, _, place = text.partition(":")
    if order != ordered_by or not place or "\x00" in place:
        raise invalid_cursor()
    return place


def invalid_cursor() -> InputError:
    """The error of a cursor that no list gave."""
    return InputError(
        "invalid_cursor",
        "The cursor is not one that this list gave. Start without one.",
        errors=[FieldError("/query/cursor", "It is not a cursor of this list.")],
    )
