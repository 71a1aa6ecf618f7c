"""Reads: jobs, events, workers and statistics, as the JSON of the HTTP contract."""

import base64
import binascii
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.job_filters import condition_of, looking
from stepmill.engine.json_data import rfc3339
from stepmill.engine.requests import JobFilter
from stepmill.engine.waiting import Situation, waiting_of
from stepmill.errors import FieldError, InputError, NotFoundError

# By name: a prepared statement fails once a migration has added a column to what `*` stands for.
_COLUMNS = """
j.job_id, j.tenant_id, j.env_id, j.type, j.params, j.status, j.parked, j.result, j.error, j.waiting, j.waiting_lock,
j.attempt, j.failures, j.crashes, j.losses, j.max_attempts, j.priority, j.timeout_seconds, j.created_by,
j.created_at, j.run_at, j.started_at, j.finished_at, j.cancel_requested_at,
l.job_id AS lock_holder, l.since AS lock_since, l.attempt AS lock_attempt,
(SELECT json_agg(json_build_object('name', s.name, 'status', s.status, 'attempt', s.attempt, 'started_at', s.started_at,
    'finished_at', s.finished_at, 'progress', s.progress, 'output', s.output, 'error', s.error) ORDER BY s.idx)
 FROM job_steps s WHERE s.job_id = j.job_id) AS steps
"""
_FROM = "FROM jobs j LEFT JOIN job_locks l ON l.key = j.waiting_lock"
_ONE = f"SELECT {_COLUMNS} {_FROM} WHERE j.job_id = %s"
_SOME = f"SELECT {_COLUMNS} {_FROM} WHERE j.job_id = ANY(%s)"
_BEFORE = "(%(cursor_at)s::timestamptz IS NULL OR (j.created_at, j.job_id) < (%(cursor_at)s, %(cursor_id)s))"
_NEWEST_FIRST = "ORDER BY j.created_at DESC, j.job_id DESC LIMIT %(limit)s"
_CAPACITY = """
SELECT type, sum(concurrency)::integer AS slots, sum(running_jobs)::integer AS running
FROM workers, unnest(types) AS type WHERE last_seen_at > now() - make_interval(secs => %s) GROUP BY type
"""
_DOING = """
SELECT queue_name AS type, count(*) AS running FROM procrastinate_jobs
WHERE status = 'doing' AND queue_name = ANY(%s) GROUP BY queue_name
"""
_EVENTS = "SELECT seq, kind, data FROM job_events WHERE job_id = %s AND seq > %s ORDER BY seq LIMIT %s"
_ATTEMPTS = """
SELECT attempt, worker_id, started_at, ended_at, outcome FROM job_attempts
WHERE job_id = %s AND attempt > %s ORDER BY attempt LIMIT %s
"""
_RUNNING = """
SELECT a.worker_id, a.started_at, j.job_id, j.type, j.env_id,
    (SELECT s.name FROM job_steps s WHERE s.job_id = j.job_id AND s.status = 'RUNNING' ORDER BY s.idx LIMIT 1) AS step
FROM job_attempts a JOIN jobs j USING (job_id)
WHERE a.outcome IS NULL AND a.worker_id = ANY(%s) ORDER BY a.started_at, j.job_id
"""
_WORKERS = """
SELECT worker_id, host, pid, version, types, running_jobs, concurrency, memory_bytes, started_at, last_seen_at
FROM workers WHERE last_seen_at > now() - make_interval(secs => %s) ORDER BY started_at, worker_id
"""


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
    for job_id in job_ids:
        if job_id not in found:  # a repeated request names it, and it is kept no longer
            raise NotFoundError("job_not_found", f"The job {job_id!r} is there no longer.")
    return [found[job_id] for job_id in job_ids]


async def list_jobs(
    engine: Engine, caller: Principal, chosen: JobFilter, limit: int = 50, cursor: str | None = None
) -> dict[str, Any]:
    """``{items, nextCursor?}``, newest first. Raises InputError for a cursor that is none of ours."""
    cursor_at, cursor_id = _read_cursor(cursor)
    condition, values = condition_of(chosen)
    values |= {"cursor_at": cursor_at, "cursor_id": cursor_id, "limit": limit + 1}
    query = f"SELECT {_COLUMNS} {_FROM} WHERE {condition} AND {_BEFORE} {_NEWEST_FIRST}"
    searched_by = caller.tenant_id if chosen.q is not None else None  # other filters have an index each
    async with engine.searches.taken(searched_by), looking(engine, caller) as conn:
        rows = await (await conn.execute(query.encode(), values)).fetchall()
        situation = await _situation(conn, engine, rows)
    page: dict[str, Any] = {"items": [job_json(row, situation) for row in rows[:limit]]}
    if len(rows) > limit:
        page["nextCursor"] = _write_cursor(rows[limit - 1])
    return page


async def list_events(
    engine: Engine, caller: Principal, job_id: str, after: int = 0, limit: int = 50
) -> dict[str, Any]:
    """The job's events after number ``after``, as streamed: ``{items: [{id, event, data}], nextCursor?}``."""
    async with _of_job(engine, caller, job_id) as conn:
        rows = await (await conn.execute(_EVENTS, (job_id, after, limit + 1))).fetchall()
    page: dict[str, Any] = {
        "items": [{"id": str(row["seq"]), "event": row["kind"], "data": row["data"]} for row in rows[:limit]]
    }
    if len(rows) > limit:
        page["nextCursor"] = str(rows[limit - 1]["seq"])
    return page


async def list_attempts(
    engine: Engine, caller: Principal, job_id: str, after: int = 0, limit: int = 50
) -> list[dict[str, Any]]:
    """The job's attempts after number ``after``, oldest first. Raises NotFoundError, also for another tenant's job."""
    async with _of_job(engine, caller, job_id) as conn:
        rows = await (await conn.execute(_ATTEMPTS, (job_id, after, limit))).fetchall()
    return [
        {
            "attempt": row["attempt"],
            "workerId": row["worker_id"],
            "startedAt": rfc3339(row["started_at"]),
            "endedAt": rfc3339(row["ended_at"]),
            "outcome": row["outcome"],
        }
        for row in rows
    ]


@asynccontextmanager
async def _of_job(engine: Engine, caller: Principal, job_id: str) -> AsyncIterator[AsyncConnection[DictRow]]:
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        if not await (await conn.execute("SELECT 1 FROM jobs WHERE job_id = %s", (job_id,))).fetchone():
            raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")
        yield conn


async def list_workers(engine: Engine, caller: Principal) -> list[dict[str, Any]]:
    """The workers that are alive, with the jobs of the caller's tenant that each runs. Workers belong to no tenant."""
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        rows = await (await conn.execute(_WORKERS, (engine.settings.dead_after_seconds,))).fetchall()
        running = await (await conn.execute(_RUNNING, ([row["worker_id"] for row in rows],))).fetchall()
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
            "jobs": [_running_json(job) for job in running if job["worker_id"] == row["worker_id"]],
        }
        for row in rows
    ]


def _running_json(job: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "jobId": job["job_id"],
        "type": job["type"],
        "step": job["step"],
        "envId": job["env_id"],
        "startedAt": rfc3339(job["started_at"]),
    }


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
    limits = engine.settings.type_limits
    full = await (await conn.execute(_DOING, (list(limits),))).fetchall() if limits else []
    return Situation(
        {row["type"]: (row["slots"], row["running"]) for row in capacity},
        {row["type"]: limits[row["type"]] for row in full if row["running"] >= limits[row["type"]]},
    )


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
