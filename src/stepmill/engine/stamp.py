"""Numbers for the feed over all jobs, given after commit.

A sequence taken inside the work's transactions is not commit order, and a reader that saw 12 would never see an 11 that
commits later. One stamper at a time, of all api processes, numbers what is committed, in small batches.
"""

from psycopg import AsyncConnection
from psycopg.rows import DictRow

FEED_CHANNEL = "stepmill_feed"

# The row is locked, which is a write, only where there is something to number.
_STAMP = """
WITH alone AS MATERIALIZED (
    SELECT FROM duties
    WHERE name = 'stamp' AND EXISTS (SELECT FROM job_events WHERE feed_id IS NULL AND kind = 'status')
    FOR UPDATE SKIP LOCKED),
unstamped AS (
    SELECT job_id, seq FROM job_events, alone
    WHERE feed_id IS NULL AND kind = 'status' ORDER BY at, job_id, seq LIMIT 1000
),
numbered AS (SELECT job_id, seq, nextval('job_feed_seq') AS feed_id FROM (SELECT * FROM unstamped) AS u)
UPDATE job_events e SET feed_id = n.feed_id FROM numbered n
WHERE e.job_id = n.job_id AND e.seq = n.seq AND e.feed_id IS NULL -- again: another process may have been faster
"""


async def stamp_events(conn: AsyncConnection[DictRow]) -> int:
    """Number the committed status events that have none and tell the hubs. Returns how many."""
    stamped = 0
    while count := (await conn.execute(_STAMP)).rowcount:
        stamped += count
        await conn.execute("SELECT pg_notify(%s, '')", (FEED_CHANNEL,))
    return stamped
