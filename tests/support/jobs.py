"""A job that runs, for tests that need its attempt and no worker."""

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb


async def make_job(conn: AsyncConnection[DictRow], job_id: str, *, tenant: str, env: str) -> None:
    """Submit a job of one step. The connection is the engine's."""
    given: dict[str, Any] = {"jobId": job_id, "tenantId": tenant, "envId": env, "type": "FILE_ETL", "params": {}}
    given |= {"steps": [{"name": "Only", "always": False}], "maxAttempts": 1, "priority": 0, "resultStep": 0}
    await conn.execute("SELECT submit_v1(%s)", (Jsonb(given | {"createdBy": "test"}),))


async def begin_job(conn: AsyncConnection[DictRow], job_id: str, *, tenant: str, env: str) -> None:
    """Submit it and begin its first attempt."""
    await make_job(conn, job_id, tenant=tenant, env=env)
    await conn.execute("SELECT begin_attempt_v1(%s, 'worker')", (job_id,))
