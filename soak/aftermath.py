"""What must be true when the faults are over: nothing lost, nothing doubled, nothing left."""

import asyncio
from collections.abc import Iterator, Sequence

from tests.support.checksums import Connection

from soak.deployment import Deployment
from soak.loads import looking
from stepmill.gateways.sql.database import Database
from stepmill.warehouse.cleanup import drop_leftovers

_CHECKS = {
    "jobs that are not at rest": "SELECT job_id FROM jobs WHERE status NOT IN ('DONE', 'ERROR', 'CANCELLED')",
    "jobs that did not end well": "SELECT job_id, error::text FROM jobs WHERE status <> 'DONE'",
    "locks that nobody gave up": "SELECT key, job_id FROM job_locks",
    "attempts that did not end": "SELECT job_id, attempt FROM job_attempts WHERE ended_at IS NULL",
    "tickets that are left": "SELECT id, status FROM procrastinate_jobs",
    "jobs whose events have gaps": "SELECT job_id FROM job_events JOIN job_event_counters c USING (job_id)"
    " GROUP BY job_id, c.last_seq HAVING count(*) <> c.last_seq OR max(seq) <> c.last_seq",
    "jobs with more or fewer loads than one": "SELECT job_id FROM jobs LEFT JOIN load_ledger USING (job_id)"
    " GROUP BY job_id HAVING count(load_id) <> 1",
    "steps that were DONE twice": "SELECT job_id, data ->> 'name' FROM job_events"
    " WHERE kind = 'step' AND data ->> 'status' = 'DONE' GROUP BY 1, 2 HAVING count(*) <> 1",
    "loads under way": "SELECT load_id FROM load_targets",
    "rejects of no load": "SELECT DISTINCT load_id FROM load_rejects WHERE load_id NOT IN"
    " (SELECT load_id FROM load_ledger)",
    "loads whose rejects are not as many as the ledger says": "SELECT load_id FROM load_ledger l WHERE rows_rejected <>"
    " (SELECT count(*) FROM load_rejects r WHERE r.load_id = l.load_id)",
    "tables that nobody knows": "SELECT relname FROM pg_class"
    " WHERE relnamespace = 'stepmill_data_default'::regnamespace AND relkind IN ('r', 'p')"
    " EXCEPT SELECT phys_id || '_g' || generation FROM physical_tables"
    " EXCEPT SELECT table_name FROM retired_tables",
    "backends of jobs": "SELECT application_name, query FROM pg_stat_activity"
    " WHERE application_name LIKE 'stepmill:job%'",
}


def violations(deployment: Deployment, jobs: Sequence[str]) -> Iterator[str]:
    """Everything that is not as promised, after the last job came to rest."""
    asyncio.run(_keep_house(deployment))
    with looking(deployment) as conn:
        yield from _found(conn)
        known = {row[0] for row in conn.execute("SELECT job_id FROM jobs").fetchall()}
        for job_id in set(jobs) - known:
            yield f"The job {job_id} was accepted and is lost."
    deployment.end_processes()
    for stray in deployment.strays():
        yield f"A process is left: {stray}"
    with looking(deployment) as conn:
        for name, query in conn.execute(
            "SELECT application_name, query FROM pg_stat_activity WHERE application_name LIKE 'stepmill:%'"
        ).fetchall():
            yield f"A connection is left: {name} {query}"


def _found(conn: Connection) -> Iterator[str]:
    for name, query in _CHECKS.items():
        rows = conn.execute(query).fetchall()
        if rows:
            yield f"{len(rows)} {name}, such as {rows[0]}"


async def _keep_house(deployment: Deployment) -> None:
    """What a worker does once a minute."""
    async with Database(deployment.postgres.url, application_name="soak") as database:
        await drop_leftovers(database)
