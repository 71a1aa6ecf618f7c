"""How long rejects are kept: until they are of no more use, were dismissed, or take too much room.

First the ledger says that they are gone, so that no reader sees a part of them; then the rows go in small batches.
"""

from collections.abc import Mapping
from datetime import timedelta

from stepmill.errors import ConflictError, NotFoundError
from stepmill.gateways.sql.database import Database
from stepmill.warehouse.ledger import LoadEntry, get_load

_AT_ONCE = 5_000
_MOST_BATCHES = 100

_GONE = {
    "dismissed": "were dismissed",
    "replayed": "were loaded by a replay and are no longer kept",
    "superseded": "went some time after another load had replaced its rows",
    "size_limit": "went because the table's rejects took more room than STEPMILL_REJECT_BYTES",
}

_DISMISS = """
UPDATE load_ledger SET rejects_gone = 'dismissed', rejects_gone_at = clock_timestamp()
WHERE load_id = %s AND rows_rejected > 0 AND rejects_gone IS NULL
"""
# A replay in force, which from then on nobody can take back, or whatever put the load out of force, is old enough.
# The replay's row is locked: who takes it back at this moment is waited for.
_MARK_USELESS = """
WITH replayed AS MATERIALIZED (
    SELECT o.load_id FROM load_ledger o JOIN load_ledger r ON r.replay_of = o.load_id
    WHERE o.rejects_bytes > 0 AND o.rejects_gone IS NULL AND r.finished_at < clock_timestamp() - %(kept)s
        AND r.superseded_by IS NULL AND r.reverted_at IS NULL AND r.removed_at IS NULL
    FOR SHARE OF r)
UPDATE load_ledger l SET rejects_gone = useless.why, rejects_gone_at = clock_timestamp()
FROM (
    SELECT load_id, 'replayed' AS why FROM replayed
    UNION
    SELECT o.load_id, 'superseded' FROM load_ledger o LEFT JOIN load_ledger s ON s.load_id = o.superseded_by
    WHERE o.rejects_bytes > 0 AND o.rejects_gone IS NULL
        AND coalesce(o.removed_at, o.reverted_at, s.finished_at) < clock_timestamp() - %(kept)s
) AS useless
WHERE l.load_id = useless.load_id AND l.rejects_gone IS NULL
"""
# Those that can't be replayed any more go first. The newest load with others keeps them, whatever their size:
# maxRejects limits that.
_MARK_TOO_LARGE = """
UPDATE load_ledger SET rejects_gone = 'size_limit', rejects_gone_at = clock_timestamp()
WHERE rejects_gone IS NULL AND load_id IN (
    SELECT load_id FROM (
        SELECT load_id, sum(rejects_bytes) OVER worth AS bytes, row_number() OVER worth AS place
        FROM (
            SELECT load_id, phys_id, load_number, rejects_bytes,
                superseded_by IS NULL AND reverted_at IS NULL AND removed_at IS NULL AND NOT EXISTS (
                    SELECT FROM load_ledger r WHERE r.replay_of = l.load_id
                        AND r.superseded_by IS NULL AND r.reverted_at IS NULL AND r.removed_at IS NULL) AS is_open
            FROM load_ledger l WHERE rejects_bytes > 0 AND rejects_gone IS NULL) AS with_rejects
        WINDOW worth AS (PARTITION BY phys_id ORDER BY is_open DESC, load_number DESC)) AS kept
    WHERE bytes > %(most)s AND place > 1)
"""
_NEXT = "SELECT load_id FROM load_ledger WHERE rejects_bytes > 0 AND rejects_gone IS NOT NULL LIMIT 1"
_REMOVE = """
DELETE FROM load_rejects WHERE ctid = ANY (ARRAY(SELECT ctid FROM load_rejects WHERE load_id = %s LIMIT %s))
"""
_REMOVED = "UPDATE load_ledger SET rejects_bytes = 0 WHERE load_id = %s"


async def dismiss_rejects(database: Database, tenant_id: str, env_id: str, load_id: str) -> None:
    """Give a load's rejects up. Raises NotFoundError; doing it again changes nothing."""
    async with database.transaction("stepmill_loader", tenant=tenant_id) as conn:
        await get_load(conn, env_id, load_id)
        await conn.execute(_DISMISS, (load_id,))


def refuse_gone_to_readers(load: LoadEntry) -> None:
    """Raise NotFoundError ``rejects_gone`` for a load whose rejects are no longer kept."""
    if load.rejects_gone is not None:
        raise NotFoundError("rejects_gone", _sentence(load))


def refuse_gone_to_replays(load: LoadEntry) -> None:
    """Raise ConflictError ``rejects_gone`` for a load whose rejects are no longer kept."""
    if load.rejects_gone is not None:
        raise ConflictError("rejects_gone", _sentence(load))


def _sentence(load: LoadEntry) -> str:
    return (
        f"The rejects of {load.load_id} {_GONE[load.rejects_gone or 'dismissed']}. Load the file again to have its "
        f"{load.rows_rejected:,} rejects anew."
    )


async def remove_spent_rejects(database: Database, *, kept_days: float, most_bytes: int) -> None:
    """Mark what is of no more use or too much, and remove what is marked, of all tenants. Safe to run twice at once.

    ``kept_days``: for how long rejects that can't be replayed any more are still shown; 0 for as long as the table.
    ``most_bytes``: for all rejects of a table; 0 for no limit.
    """
    async with database.autocommit() as conn:
        if kept_days:
            await conn.execute(_MARK_USELESS, {"kept": timedelta(days=kept_days)})
        if most_bytes:
            values: Mapping[str, int] = {"most": most_bytes}
            await conn.execute(_MARK_TOO_LARGE, values)
        for _ in range(_MOST_BATCHES):  # what is left is for the next time
            marked = await (await conn.execute(_NEXT)).fetchone()
            if marked is None:
                return
            removed = await conn.execute(_REMOVE, (marked["load_id"], _AT_ONCE))
            if removed.rowcount < _AT_ONCE:
                await conn.execute(_REMOVED, (marked["load_id"],))
