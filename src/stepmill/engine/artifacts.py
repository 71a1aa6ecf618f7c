"""Large data of one job, in blob storage under the job's own prefix until the job needs it no more.

A DONE job's artifacts are removed. Those of ERROR and CANCELLED jobs stay, because a retry goes on with them.
"""

import time

from stepmill.engine.engine import Engine
from stepmill.gateways.blobs import BlobLocation, Blobs

_PREFIX = "artifacts"
_HOUR = 3600.0
_UNFINISHED_SECONDS = 24 * _HOUR
_SPENT = """
SELECT given.job_id FROM unnest(%s::text[]) AS given (job_id) LEFT JOIN jobs USING (job_id)
WHERE status = 'DONE' OR status IS NULL
"""


class JobArtifacts:
    """The :class:`~stepmill.engine.context.Artifacts` of one job."""

    def __init__(self, blobs: Blobs, job_id: str) -> None:
        self._blobs = blobs
        self._job_id = job_id
        self.used = False

    def location(self, name: str) -> BlobLocation:
        """Where the artifact called ``name`` is or would be; plain data for compute children."""
        self.used = True
        return self._blobs.location(f"{_PREFIX}/{self._job_id}/{name}")

    async def put(self, name: str, data: bytes) -> None:
        """Write a whole artifact."""
        self.used = True
        await self._blobs.put(f"{_PREFIX}/{self._job_id}/{name}", data)

    async def get(self, name: str) -> bytes:
        """Read a whole artifact. Raises NotFoundError."""
        self.used = True
        return await self._blobs.get(f"{_PREFIX}/{self._job_id}/{name}")

    async def delete(self) -> None:
        """Remove all of the job's artifacts."""
        await self._blobs.delete_prefix(f"{_PREFIX}/{self._job_id}")


async def remove_spent_artifacts(engine: Engine, blobs: Blobs) -> None:
    """Remove artifacts of jobs that are gone, and what a DONE job's worker left because it was killed."""
    with_artifacts = {path.split("/")[1] for path in await blobs.find(_PREFIX, unfinished=True)}
    if not with_artifacts:
        return
    async with engine.database.autocommit() as conn:
        rows = await (await conn.execute(_SPENT, (sorted(with_artifacts),))).fetchall()
    for row in rows:
        await JobArtifacts(blobs, row["job_id"]).delete()


class UnfinishedBlobs:
    """Removes once an hour what uploads and steps left in the storage when they were killed a day ago or longer."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._last = float("-inf")

    async def remove(self) -> None:
        """Look, if it is time to."""
        if time.monotonic() - self._last >= _HOUR:
            self._last = time.monotonic()
            await self._blobs.remove_unfinished(_UNFINISHED_SECONDS)
