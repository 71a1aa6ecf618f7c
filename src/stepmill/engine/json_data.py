"""JSON data: what PostgreSQL can store of it, and times in it."""

import math
from datetime import UTC, datetime
from typing import Any

_MOST_BITS = 4_096
"""Of an integer: Python writes none of more than some 14,000 in decimal, and nobody reads it."""


def storable(value: Any) -> Any:
    """``value`` as JSON data that a ``jsonb`` takes: no NUL characters, no NaN, no lone surrogates, no other types."""
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {str(storable(str(key))): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return hex(value)
    return value if isinstance(value, bool | int | None) else storable(str(value))


def rfc3339(at: datetime | None) -> str | None:
    """A time as the contract writes it, to the microsecond everywhere, so that times can be compared."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z") if at else None
