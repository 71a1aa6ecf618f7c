"""What the rejects of a load say of the columns that they did not fit."""

import re
from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow

_WIDER_CODES = ("out_of_range", "too_many_decimals")
_DECIMAL = re.compile(r"\s*[+-]?[0-9]*[.][0-9]+\s*")
_WIDER_NUMBERS = r"""
SELECT 1 FROM load_rejects WHERE load_id = %s AND column_name = ANY(%s) AND (
    code IN ('out_of_range', 'too_many_decimals')
    OR (code = 'bad_integer' AND raw ~ '^\s*[+-]?[0-9]*[.][0-9]+\s*$')) LIMIT 1
"""


async def has_wider_numbers(conn: AsyncConnection[DictRow], load_id: str, columns: Sequence[str]) -> bool:
    """Whether a row was rejected for a number that is larger, or has more decimals, than one of these columns."""
    return (await conn.execute(_WIDER_NUMBERS.encode(), (load_id, list(columns)))).rowcount > 0


def asks_for_wider_number(code: str, raw: str | None) -> bool:
    """Whether a value was rejected for that, as told by its code and its text."""
    return code in _WIDER_CODES or (code == "bad_integer" and _DECIMAL.fullmatch(raw or "") is not None)
