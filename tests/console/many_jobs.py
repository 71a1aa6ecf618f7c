"""Thousands of jobs, and hundreds of them changing each second, written as the engine writes them: no worker runs any.

What moves them are the schema's own functions, so that every move is legal and has its events. What is there from the
start is written at once, past the guards of moves.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from stepmill.engine.ids import new_id
from stepmill.engine.notify import EVENTS_CHANNEL
from stepmill.gateways.sql.embedded import running_url
from tests.cli.processes import Serve

WORKER = "worker-of-many-jobs"
CREATOR = "many-jobs"

Connection = psycopg.Connection[tuple[Any, ...]]

_SEED = Path(__file__).with_suffix(".sql")
_STALE = {"code": "rows_wrong", "message": "Row 17 has 4 fields instead of 12. Mend the file.", "retryable": False}

#: One legal move. A job that goes back to PENDING is due tomorrow and has no ticket, or a worker would take it.
_MOVE = """
CREATE FUNCTION pg_temp.move(p_job text, p_worker text, p_error jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    j stepmill.jobs;
BEGIN
    SELECT * INTO j FROM stepmill.jobs WHERE job_id = p_job;
    IF j.status = 'PENDING' THEN
        UPDATE stepmill.jobs SET run_at = clock_timestamp() WHERE job_id = p_job;
        PERFORM stepmill.begin_attempt_v1(p_job, p_worker);
    ELSIF j.status = 'RUNNING' AND j.cancel_requested_at IS NOT NULL THEN
        PERFORM stepmill.settle_cancel_v1(p_job, j.attempt, 1);
    ELSIF j.status = 'RUNNING' THEN
        PERFORM stepmill.fail_step_v1(p_job, j.attempt, s.idx, p_error, 1, 1)
        FROM stepmill.job_steps s WHERE s.job_id = p_job AND s.status = 'RUNNING';
    ELSE
        PERFORM stepmill.retry_v1(p_job, NULL);
        DELETE FROM stepmill.procrastinate_jobs WHERE args ->> 'jobId' = p_job;
        UPDATE stepmill.jobs SET run_at = clock_timestamp() + interval '1 day' WHERE job_id = p_job;
    END IF;
END
$$
"""
_MOVE_SOME = "SELECT pg_temp.move(id, %s, %s) FROM unnest(%s::text[]) AS id"
_MOVABLE = "SELECT job_id FROM jobs WHERE job_id = ANY(%s) AND status <> 'DONE' ORDER BY job_id"
_TABLES_OF_A_JOB = ("job_events", "job_event_counters", "job_locks", "job_steps", "job_attempts", "jobs")
_NAMED_AT_ONCE = 200
"""Jobs in one notification, which has room for 8,000 bytes. The feed needs to hear of one."""
_BATCH_SECONDS = 0.05
"""As often as the feed over all jobs is numbered."""


@dataclass
class Changes:
    """What has changed so far."""

    made: int = 0
    fault: BaseException | None = None
    stopping: threading.Event = field(default_factory=threading.Event)


_WITHOUT_WORK = """
DELETE FROM workers w WHERE worker_id = %s AND NOT EXISTS (
    SELECT FROM job_attempts a WHERE a.worker_id = w.worker_id AND a.ended_at IS NULL)
"""
"""Jobs that another test has made seem to run by it, too; without it the server would take them for a dead worker's."""


@contextmanager
def superuser(server: Serve) -> Iterator[Connection]:
    """A connection to the server's own database that sees every tenant."""
    url = running_url(server.data_dir / "postgres")
    assert url is not None
    with psycopg.connect(url, user="postgres", application_name="many jobs", autocommit=True) as conn:
        conn.execute("SET search_path = stepmill")
        yield conn


@contextmanager
def many_jobs(
    server: Serve, count: int, env_id: str = "default", *, area_id: str = "area_many", file_id: str = "file_many"
) -> Iterator[list[str]]:
    """The ids of ``count`` jobs of every status, the newest first, all for one file. They are gone after the block."""
    ids = [new_id("job") for _ in range(count)]
    params = json.dumps({"areaId": area_id, "fileId": file_id})
    values = {"ids": ids, "env": env_id, "params": params, "worker": WORKER, "creator": CREATOR}
    values["error"] = json.dumps(_STALE)
    with superuser(server) as conn:
        with conn.transaction():
            conn.execute("SET LOCAL session_replication_role = replica")
            for statement in filter(str.strip, _SEED.read_text().split(";\n")):
                conn.execute(statement.encode(), values)
        conn.execute("ANALYZE jobs, job_steps, job_events")
        try:
            yield ids
        finally:
            _remove(conn, ids)
            conn.execute(_WITHOUT_WORK, (WORKER,))


def _remove(conn: Connection, ids: list[str]) -> None:
    """Past the guards, for many of the jobs are not at rest, and so without the cascades that remove a job's parts."""
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        for table in _TABLES_OF_A_JOB:
            conn.execute(sql.SQL("DELETE FROM {} WHERE job_id = ANY(%s)").format(sql.Identifier(table)), (ids,))


@contextmanager
def changing(server: Serve, ids: list[str], per_second: int = 200) -> Iterator[Changes]:
    """So many of the jobs change each second while the block runs, each change with its events on the streams."""
    changes = Changes()
    thread = threading.Thread(target=_change, args=(server, ids, per_second, changes), name="changing jobs")
    thread.start()
    try:
        yield changes
    finally:
        changes.stopping.set()
        thread.join()
    if changes.fault is not None:
        raise changes.fault


def _change(server: Serve, ids: list[str], per_second: int, changes: Changes) -> None:
    try:
        with superuser(server) as conn:
            conn.execute(_MOVE)
            _keep_changing(conn, ids, per_second, changes)
    except BaseException as fault:  # noqa: BLE001  (raised again where the block ends)
        changes.fault = fault


def _keep_changing(conn: Connection, ids: list[str], per_second: int, changes: Changes) -> None:
    movable = [str(row[0]) for row in conn.execute(_MOVABLE, (ids,)).fetchall()]
    random = Random(0)
    begun = time.monotonic()
    while not changes.stopping.wait(_BATCH_SECONDS):
        due = int((time.monotonic() - begun) * per_second) - changes.made
        chosen = random.sample(movable, min(due, len(movable)))
        if not chosen:
            continue
        with conn.transaction():
            conn.execute(_MOVE_SOME, (WORKER, json.dumps(_STALE), chosen))
        conn.execute("SELECT pg_notify(%s, %s)", (EVENTS_CHANNEL, json.dumps(chosen[:_NAMED_AT_ONCE])))
        changes.made += len(chosen)
