"""What the rejects of a load say of the columns that they did not fit."""

import re
from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow

_WIDER_CODES = ("out_of_range", "too_many_decimals")
_DECIMAL = r"^[^0-9]{0,8}[0-9., '\u2019_\u00a0\u202f]*[.,][0-9]+[^0-9]{0,8}$"
"""In any spelling, with any sign or unit. What is no number all the same is found out where its column is looked at."""
_WIDER_NUMBERS = """
SELECT 1 FROM load_rejects WHERE load_id = %s AND column_name = ANY(%s)
    AND (code = ANY(%s) OR (code = 'bad_integer' AND raw ~ %s)) LIMIT 1
"""


async def has_wider_numbers(conn: AsyncConnection[DictRow], load_id: str, columns: Sequence[str]) -> bool:
    """Whether a row was rejected for a number that is larger, or has more decimals, than one of these columns."""
    values = (load_id, list(columns), list(_WIDER_CODES), _DECIMAL)
    return (await conn.execute(_WIDER_NUMBERS, values)).rowcount > 0


def asks_for_wider_number(code: str, raw: str | None) -> bool:
    """Whether a value was rejected for that, as told by its code and its text."""
    return code in _WIDER_CODES or (code == "bad_integer" and re.search(_DECIMAL, raw or "") is not None)
