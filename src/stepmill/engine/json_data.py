"""JSON data that PostgreSQL can store."""

import math
from typing import Any


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
    return value if isinstance(value, bool | int | None) else str(value)
