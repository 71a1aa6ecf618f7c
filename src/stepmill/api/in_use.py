"""What a job works on is not removed under it."""

from typing import Literal

from stepmill.api.parts import ApiParts
from stepmill.auth import Principal
from stepmill.engine import read
from stepmill.engine.requests import JobFilter
from stepmill.errors import ConflictError


async def refuse_if_in_use(
    parts: ApiParts, caller: Principal, env_id: str, named: str, code: Literal["area_in_use", "file_in_use"]
) -> None:
    """Raise ConflictError with this code if a job in whose params the id ``named`` stands has not ended."""
    chosen = JobFilter(status=("PENDING", "RUNNING"), env_id=env_id, q=named)
    at_work = (await read.list_jobs(parts.engine, caller, chosen, limit=1))["items"]
    if at_work:
        raise ConflictError(
            code,
            f"The job {at_work[0]['jobId']} works on it. Wait for its end or cancel it.",
            details={"jobId": at_work[0]["jobId"]},
        )
