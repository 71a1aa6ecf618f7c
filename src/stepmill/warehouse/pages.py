"""Pages of a list: ``{items, nextCursor?}``, with a cursor that is opaque to whoever pages."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from stepmill.errors import FieldError, InputError

T = TypeVar("T")


def page(
    rows: Sequence[T], limit: int, item: Callable[[T], Any], place: Callable[[T], Sequence[Any]]
) -> dict[str, Any]:
    """A page of ``limit`` items from up to one more row; ``place`` is what a row's followers are found by."""
    found: dict[str, Any] = {"items": [item(row) for row in rows[:limit]]}
    if len(rows) > limit:
        found["nextCursor"] = base64.urlsafe_b64encode(orjson.dumps(list(place(rows[limit - 1])))).decode().rstrip("=")
    return found


def read_cursor(cursor: str | None, *kinds: type) -> list[Any] | None:
    """The place a cursor stands for: values of these kinds. Raises InputError ``invalid_cursor``."""
    if cursor is None:
        return None
    try:
        place = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        place = None
    if not isinstance(place, list) or [type(value) for value in place] != list(kinds) or "\x00" in str(place):
        raise InputError(
            "invalid_cursor",
            "The cursor is not one that this list gave. Start without one.",
            errors=[FieldError("/query/cursor", "It is not a cursor of this list.")],
        )
    return place
