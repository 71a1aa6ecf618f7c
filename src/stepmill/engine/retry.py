"""A user's retry: ERROR and CANCELLED jobs go on at their first unfinished step, or at a step the user names."""

from typing import Any

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.job_filters import matching_ids
from stepmill.engine.read import get_job
from stepmill.engine.requests import JobFilter
from stepmill.errors import ConflictError, FieldError, InputError, NotFoundError

_RETRY = "SELECT retry_v1(%s, %s::smallint) AS answer, (SELECT type FROM jobs WHERE job_id = %s) AS type"


async def retry_job(engine: Engine, caller: Principal, job_id: str, from_step: str | None = None) -> dict[str, Any]:
    """Run the job again and return it.

    Raises NotFoundError, ConflictError (``not_retryable``), InputError (``unknown_step``, ``step_too_late``).
    """
    job = await get_job(engine, caller, job_id)
    index = _step_index(job, from_step)
    answer = await _retry(engine, caller, job_id, index)
    if answer is None:
        raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")
    if answer["outcome"] == "refused":
        raise ConflictError(
            "not_retryable", f"The job is {answer['status']}: only a job in ERROR or CANCELLED can be retried."
        )
    if answer["outcome"] == "too_late":
        raise InputError(
            "step_too_late",
            f"The job can't go on at {from_step}: {answer['step']} before it is not done.",
            errors=[FieldError("/fromStep", f"at most {answer['step']}")],
        )
    return await get_job(engine, caller, job_id)


async def retry_jobs(engine: Engine, caller: Principal, chosen: JobFilter) -> int:
    """Retry every job in ERROR or CANCELLED that the filter matches. Returns how many."""
    accepted = 0
    async with engine.searches.taken(caller.tenant_id):
        for job_id in await matching_ids(engine, caller, chosen, ["ERROR", "CANCELLED"]):
            answer = await _retry(engine, caller, job_id, None)
            accepted += answer is not None and answer["outcome"] == "accepted"
    return accepted


async def _retry(engine: Engine, caller: Principal, job_id: str, index: int | None) -> dict[str, Any] | None:
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        row = await (await conn.execute(_RETRY, (job_id, index, job_id))).fetchone()
    answer: dict[str, Any] | None = row["answer"] if row else None
    if row and answer is not None and answer["outcome"] == "accepted":
        engine.metrics.retries.labels(row["type"], "user").inc()
        engine.notifier.touch(job_id)
    return answer


def _step_index(job: dict[str, Any], name: str | None) -> int | None:
    if name is None:
        return None
    names = [step["name"] for step in job["steps"]]
    if name not in names:
        raise InputError(
            "unknown_step",
            f"The job has no step {name!r}. Its steps: {', '.join(names)}.",
            errors=[FieldError("/fromStep", "unknown step")],
        )
    return names.index(name)
