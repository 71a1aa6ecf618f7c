"""Idempotency keys: scoped by tenant and route, compared on the parsed body, kept for some days.

Of two requests at once the second waits for the first: both insert the same row, and the second insert waits for the
first one's transaction. A refused request rolls its key back and is not remembered.
"""

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stepmill.errors import ConflictError

_FORGET = """
DELETE FROM idempotency_keys
WHERE tenant_id = %s AND route = %s AND key = %s AND created_at < now() - make_interval(secs => %s)
"""
_CLAIM = """
INSERT INTO idempotency_keys (tenant_id, route, key, fingerprint) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING key
"""
_EARLIER = "SELECT fingerprint, response FROM idempotency_keys WHERE tenant_id = %s AND route = %s AND key = %s"
_KEEP = "UPDATE idempotency_keys SET response = %s WHERE tenant_id = %s AND route = %s AND key = %s"


async def claim_key(
    conn: AsyncConnection[DictRow], tenant_id: str, route: str, key: str, fingerprint: str, days: float
) -> dict[str, Any] | None:
    """Take the key in ``conn``'s transaction. Returns the first request's response if it was taken before.

    Raises ConflictError ``idempotency_conflict`` when it was taken by a request with another body.
    """
    await conn.execute(_FORGET, (tenant_id, route, key, days * 86_400))
    if await (await conn.execute(_CLAIM, (tenant_id, route, key, fingerprint))).fetchone():
        return None
    row = await (await conn.execute(_EARLIER, (tenant_id, route, key))).fetchone()
    if row is None or row["fingerprint"] != fingerprint:
        raise ConflictError(
            "idempotency_conflict", "This idempotency key was used before with another request. Use a new key."
        )
    response: dict[str, Any] = row["response"] or {}
    return response


async def keep_response(
    conn: AsyncConnection[DictRow], tenant_id: str, route: str, key: str, response: dict[str, Any]
) -> None:
    """Remember what a repeat of the request is to get."""
    await conn.execute(_KEEP, (Jsonb(response), tenant_id, route, key))
