"""Statistics over time: what was submitted and what ended, how long the queue was, how long steps took, rows loaded.

Read from the jobs as they are now. A job that was retried counts where it last began and ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.json_data import rfc3339
from stepmill.errors import FieldError, InputError

MAX_POINTS = 1_500
_STATEMENT_SECONDS = 15.0

# `j` are the chosen jobs; a point stands for the stretch that begins with it. A job is queued from when it is due until
# it starts, or ends without having started.
_STATS = """
WITH points AS (
    SELECT at, at + %(step)s::interval AS until, ordinality AS n
    FROM generate_series(%(from)s::timestamptz, %(to)s::timestamptz - interval '1 microsecond', %(step)s::interval)
        WITH ORDINALITY AS t(at, ordinality)
), j AS (
    SELECT job_id, status, created_at, finished_at, result, greatest(created_at, run_at) AS queued_at,
        coalesce(CASE WHEN status <> 'PENDING' THEN coalesce(started_at, finished_at) END, 'infinity') AS unqueued_at
    FROM jobs
    WHERE (%(env_id)s::text IS NULL OR env_id = %(env_id)s) AND (%(type)s::text IS NULL OR type = %(type)s)
        AND created_at < %(to)s AND (finished_at IS NULL OR finished_at >= %(from)s)
), submitted AS (
    SELECT date_bin(%(step)s::interval, created_at, %(from)s) AS at, count(*) AS submitted FROM j
    WHERE created_at >= %(from)s GROUP BY 1
), finished AS (
    SELECT date_bin(%(step)s::interval, finished_at, %(from)s) AS at,
        count(*) FILTER (WHERE status = 'DONE') AS done,
        count(*) FILTER (WHERE status = 'ERROR') AS error,
        count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
        sum((result ->> 'rowsLoaded')::numeric) FILTER (
            WHERE status = 'DONE' AND jsonb_typeof(result -> 'rowsLoaded') = 'number') AS rows_loaded
    FROM j WHERE finished_at < %(to)s GROUP BY 1
), steps AS (
    SELECT at, jsonb_object_agg(name, seconds) AS step_seconds FROM (
        SELECT date_bin(%(step)s::interval, s.finished_at, %(from)s) AS at, s.name,
            round(sum(extract(epoch FROM s.finished_at - s.started_at)), 3) AS seconds
        FROM job_steps s JOIN j USING (job_id)
        WHERE s.finished_at >= %(from)s AND s.finished_at < %(to)s AND s.started_at IS NOT NULL GROUP BY 1, 2
    ) AS by_name GROUP BY 1
), queue AS (
    SELECT p.n, count(q.queued_at) AS depth, min(q.queued_at) AS oldest
    FROM points p LEFT JOIN (
        SELECT queued_at, unqueued_at FROM j
        WHERE date_bin(%(step)s::interval, queued_at, %(from)s) IS DISTINCT FROM
            CASE WHEN unqueued_at < 'infinity' THEN date_bin(%(step)s::interval, unqueued_at, %(from)s) END
    ) AS q ON q.queued_at < least(p.until, clock_timestamp()) AND q.unqueued_at >= least(p.until, clock_timestamp())
    GROUP BY p.n
)
SELECT p.at, coalesce(submitted, 0) AS submitted, coalesce(done, 0) AS done, coalesce(error, 0) AS error,
    coalesce(cancelled, 0) AS cancelled, coalesce(rows_loaded, 0)::bigint AS rows_loaded,
    coalesce(step_seconds, '{}') AS step_seconds, depth,
    extract(epoch FROM least(p.until, clock_timestamp()) - oldest)::double precision AS age_seconds
FROM points p JOIN queue USING (n)
    LEFT JOIN submitted USING (at) LEFT JOIN finished USING (at) LEFT JOIN steps USING (at)
ORDER BY p.n
"""


@dataclass(frozen=True)
class StatsRequest:
    """From when to when, in stretches of so many seconds, of which jobs."""

    since: datetime
    until: datetime
    step_seconds: int
    env_id: str | None = None
    type: str | None = None


async def stats(engine: Engine, caller: Principal, request: StatsRequest) -> dict[str, Any]:
    """``{from, to, stepSeconds, items}``, one item for each stretch. Raises InputError ``invalid_range``."""
    seconds = (request.until - request.since).total_seconds()
    if not 0 < seconds <= MAX_POINTS * request.step_seconds:
        message = f"From and to must lie 1 to {MAX_POINTS:,} times stepSeconds apart, from first."
        raise InputError("invalid_range", message, errors=[FieldError("/query/from", message)])
    values = {
        "from": request.since,
        "to": request.until,
        "step": f"{request.step_seconds} seconds",
        "env_id": request.env_id,
        "type": request.type,
    }
    async with engine.database.transaction(
        "stepmill_api", tenant=caller.tenant_id, statement_timeout=_STATEMENT_SECONDS
    ) as conn:
        rows = await (await conn.execute(_STATS, values)).fetchall()
    return {
        "from": rfc3339(request.since),
        "to": rfc3339(request.until),
        "stepSeconds": request.step_seconds,
        "items": [_item(row) for row in rows],
    }


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": rfc3339(row["at"]),
        "submitted": row["submitted"],
        "finished": {"DONE": row["done"], "ERROR": row["error"], "CANCELLED": row["cancelled"]},
        "queueDepth": row["depth"],
        "queueAgeSeconds": row["age_seconds"],
        "stepSeconds": row["step_seconds"],
        "rowsLoaded": row["rows_loaded"],
    }
