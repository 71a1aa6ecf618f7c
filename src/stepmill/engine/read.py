"""Reads: jobs, events, workers and statistics, as the JSON of the HTTP contract."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.json_data import rfc3339
from stepmill.engine.requests import JobFilter
from stepmill.engine.waiting import Situation, waiting_of
from stepmill.errors import FieldError, InputError, NotFoundError

_COLUMNS = """
j.*, l.job_id AS lock_holder, l.since AS lock_since,
(SELECT jsonb_agg(to_jsonb(s) - 'tenant_id' - 'job_id' ORDER BY s.idx)
 FROM job_steps s WHERE s.job_id = j.job_id) AS steps
"""
_FROM = "FROM jobs j LEFT JOIN job_locks l ON l.key = j.waiting_lock"
_ONE = f"SELECT {_COLUMNS} {_FROM} WHERE j.job_id = %s"
_SOME = f"SELECT {_COLUMNS} {_FROM} WHERE j.job_id = ANY(%s)"
_MATCHES = """
    ((%(status)s::text[] IS NULL OR j.status = ANY(%(status)s::text[]))
    AND (%(type)s::text[] IS NULL OR j.type = ANY(%(type)s::text[]))
    AND (%(env_id)s::text IS NULL OR j.env_id = %(env_id)s)
    AND (%(after)s::timestamptz IS NULL OR j.created_at > %(after)s)
    AND (%(before)s::timestamptz IS NULL OR j.created_at < %(before)s)
    AND (%(q)s::text IS NULL OR strpos(lower(concat_ws(' ', j.job_id, j.type, j.params, j.error)), lower(%(q)s)) > 0))
"""
_LIST = f"""
SELECT {_COLUMNS} {_FROM} WHERE {_MATCHES}
    AND (%(cursor_at)s::timestamptz IS NULL OR (j.created_at, j.job_id) < (%(cursor_at)s, %(cursor_id)s))
ORDER BY j.created_at DESC, j.job_id DESC LIMIT %(limit)s
"""
MATCHING_IDS = f"SELECT j.job_id FROM jobs j WHERE {_MATCHES} AND j.status = ANY(%(states)s) ORDER BY j.created_at"
_CAPACITY = """
SELECT type, sum(concurrency)::integer AS slots, sum(running_jobs)::integer AS running
FROM workers, unnest(types) AS type WHERE last_seen_at > now() - make_interval(secs => %s) GROUP BY type
"""
_EVENTS = "SELECT seq, kind, data FROM job_events WHERE job_id = %s AND seq > %s ORDER BY seq LIMIT %s"
_WORKERS = "SELECT * FROM workers WHERE last_seen_at > now() - make_interval(secs => %s) ORDER BY started_at, worker_id"


async def get_job(engine: Engine, caller: Principal, job_id: str) -> dict[str, Any]:
    """One job. Raises NotFoundError, also for another tenant's."""
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        return await read_job(conn, engine, job_id)


async def require_jobs(engine: Engine, caller: Principal, job_ids: Iterable[str]) -> None:
    """Raise NotFoundError unless the caller may see all these jobs."""
    wanted = list(job_ids)
    if not wanted:
        return
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        rows = await (await conn.execute("SELECT job_id FROM jobs WHERE job_id = ANY(%s)", (wanted,))).fetchall()
    for job_id in sorted(set(wanted) - {row["job_id"] for row in rows}):
        raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")


async def read_job(conn: AsyncConnection[DictRow], engine: Engine, job_id: str) -> dict[str, Any]:
    """One job, read in a transaction of the caller's tenant. Raises NotFoundError."""
    row = await (await conn.execute(_ONE, (job_id,))).fetchone()
    if row is None:
        raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")
    return job_json(row, await _situation(conn, engine, [row]))


async def read_jobs(conn: AsyncConnection[DictRow], engine: Engine, job_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Jobs in the order of ``job_ids``, read in a transaction of the caller's tenant."""
    rows = await (await conn.execute(_SOME, (list(job_ids),))).fetchall()
    situation = await _situation(conn, engine, rows)
    found = {row["job_id"]: job_json(row, situation) for row in rows}
    return [found[job_id] for job_id in job_ids]


async def list_jobs(
    engine: Engine, caller: Principal, chosen: JobFilter, limit: int = 50, cursor: str | None = None
) -> dict[str, Any]:
    """``{items, nextCursor?}``, newest first. Raises InputError for a cursor that is none of ours."""
    cursor_at, cursor_id = _read_cursor(cursor)
    values = {**filter_values(chosen), "cursor_at": cursor_at, "cursor_id": cursor_id, "limit": limit + 1}
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        rows = await (await conn.execute(_LIST, values)).fetchall()
        situation = await _situation(conn, engine, rows)
    page: dict[str, Any] = {"items": [job_json(row, situation) for row in rows[:limit]]}
    if len(rows) > limit:
        page["nextCursor"] = _write_cursor(rows[limit - 1])
    return page


def filter_values(chosen: JobFilter) -> dict[str, Any]:
    """A filter as query parameters."""
    return {
        "status": list(chosen.status) or None,
        "type": list(chosen.type) or None,
        "env_id": chosen.env_id,
        "after": chosen.created_after,
        "before": chosen.created_before,
        "q": chosen.q,
    }


async def list_events(
    engine: Engine, caller: Principal, job_id: str, after: int = 0, limit: int = 50
) -> dict[str, Any]:
    """The job's events after number ``after``, as streamed: ``{items: [{id, event, data}], nextCursor?}``."""
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        if not await (await conn.execute("SELECT 1 FROM jobs WHERE job_id = %s", (job_id,))).fetchone():
            raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")
        rows = await (await conn.execute(_EVENTS, (job_id, after, limit + 1))).fetchall()
    page: dict[str, Any] = {
        "items": [{"id": str(row["seq"]), "event": row["kind"], "data": row["data"]} for row in rows[:limit]]
    }
    if len(rows) > limit:
        page["nextCursor"] = str(rows[limit - 1]["seq"])
    return page


async def list_workers(engine: Engine, caller: Principal) -> list[dict[str, Any]]:
    """The workers that are alive. Workers belong to no tenant."""
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        rows = await (await conn.execute(_WORKERS, (engine.settings.dead_after_seconds,))).fetchall()
    return [
        {
            "workerId": row["worker_id"],
            "host": row["host"],
            "pid": row["pid"],
            "version": row["version"],
            "types": row["types"],
            "runningJobs": row["running_jobs"],
            "concurrency": row["concurrency"],
            "memoryBytes": row["memory_bytes"],
            "startedAt": rfc3339(row["started_at"]),
            "lastSeenAt": rfc3339(row["last_seen_at"]),
        }
        for row in rows
    ]


def job_json(row: Mapping[str, Any], situation: Situation) -> dict[str, Any]:
    """A row of ``jobs`` with its steps as the contract's job."""
    steps = [_step_json(step) for step in row["steps"] or []]
    return {
        "jobId": row["job_id"],
        "type": row["type"],
        "status": row["status"],
        "waiting": waiting_of(row, situation),
        "envId": row["env_id"],
        "tenantId": row["tenant_id"],
        "params": row["params"],
        "steps": steps,
        "result": row["result"],
        "error": row["error"],
        "attempt": row["attempt"],
        "maxAttempts": row["max_attempts"],
        "failures": row["failures"],
        "crashes": row["crashes"],
        "priority": row["priority"],
        "timeoutSeconds": row["timeout_seconds"],
        "progress": _job_progress(steps),
        "cancelRequestedAt": rfc3339(row["cancel_requested_at"]),
        "createdAt": rfc3339(row["created_at"]),
        "runAt": rfc3339(row["run_at"]),
        "startedAt": rfc3339(row["started_at"]),
        "finishedAt": rfc3339(row["finished_at"]),
        "createdBy": row["created_by"],
    }


def _step_json(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": step["name"],
        "status": step["status"],
        "attempt": step["attempt"],
        "startedAt": _json_time(step["started_at"]),
        "finishedAt": _json_time(step["finished_at"]),
        "progress": step["progress"],
        "output": step["output"],
        "error": step["error"],
    }


def _json_time(text: str | None) -> str | None:
    return rfc3339(datetime.fromisoformat(text)) if text else None


def _job_progress(steps: list[dict[str, Any]]) -> dict[str, Any]:
    current = next((step for step in steps if step["status"] == "RUNNING"), None)
    return {
        "stepsDone": sum(step["status"] == "DONE" for step in steps),
        "stepsTotal": len(steps),
        "step": current["name"] if current else None,
        **((current or {}).get("progress") or {}),
    }


async def _situation(conn: AsyncConnection[DictRow], engine: Engine, rows: list[DictRow]) -> Situation:
    if not any(row["status"] == "PENDING" for row in rows):
        return Situation({})
    capacity = await (await conn.execute(_CAPACITY, (engine.settings.dead_after_seconds,))).fetchall()
    return Situation({row["type"]: (row["slots"], row["running"]) for row in capacity})


def _write_cursor(row: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([row["created_at"].isoformat(), row["job_id"]])).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> tuple[datetime | None, str | None]:
    if cursor is None:
        return None, None
    try:
        at, job_id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(job_id, str) or "\x00" in job_id:
            raise ValueError(cursor)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError(cursor)
        return moment, job_id
    except (ValueError, TypeError, binascii.Error):
        raise InputError(
            "invalid_cursor",
            "The cursor is not one that this list gave. Start without one.",
            errors=[FieldError("/query/cursor", "It is not a cursor of this list.")],
        ) from None
