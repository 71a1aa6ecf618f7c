"""Cancel: PENDING jobs at once; a RUNNING job when its work is proven stopped, which its worker does."""

from typing import Any

import psycopg

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.job_filters import matching_ids
from stepmill.engine.notify import CANCEL_CHANNEL
from stepmill.engine.read import get_job
from stepmill.engine.requests import JobFilter
from stepmill.errors import ConflictError, NotFoundError

_CANCEL = "SELECT cancel_v1(%s) AS answer, (SELECT type FROM jobs WHERE job_id = %s) AS type"
_TRIES = 20  # the job may move between the two looks of cancel_v1, each time for a moment


async def cancel_job(engine: Engine, caller: Principal, job_id: str) -> dict[str, Any]:
    """Ask for the job to stop and return it. Raises NotFoundError, ConflictError (``not_cancellable``)."""
    answer = await _cancel(engine, caller, job_id)
    if answer is None:
        raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")
    if answer["outcome"] == "refused":
        raise ConflictError("not_cancellable", f"The job is {answer['status']}: it has ended and can't be cancelled.")
    return await get_job(engine, caller, job_id)


async def cancel_jobs(engine: Engine, caller: Principal, chosen: JobFilter) -> int:
    """Ask for every job that the filter matches to stop, those that have ended aside. Returns how many."""
    accepted = 0
    async with engine.searches.taken(caller.tenant_id):
        for job_id in await matching_ids(engine, caller, chosen, ["PENDING", "RUNNING"]):
            answer = await _cancel(engine, caller, job_id)
            accepted += answer is not None and answer["outcome"] == "accepted"
    return accepted


async def _cancel(engine: Engine, caller: Principal, job_id: str) -> dict[str, Any] | None:
    for attempt in range(_TRIES):
        try:
            async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
                row = await (await conn.execute(_CANCEL, (job_id, job_id))).fetchone()
            break
        except psycopg.errors.SerializationFailure:
            if attempt == _TRIES - 1:
                raise
    answer: dict[str, Any] | None = row["answer"] if row else None
    if row and answer is not None and answer["outcome"] == "accepted":
        engine.metrics.cancel_requests.labels(row["type"]).inc()
        engine.metrics.ended(row["type"], answer["status"])
        engine.notifier.touch(job_id)
        if "attempt" in answer:
            async with engine.database.autocommit() as conn:
                await conn.execute("SELECT pg_notify(%s, %s)", (CANCEL_CHANNEL, job_id))
    return answer
