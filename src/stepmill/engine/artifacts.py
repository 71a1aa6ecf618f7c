"""Large data of one job, in blob storage under the job's own prefix until the job needs it no more.

A DONE job's artifacts are removed. Those of ERROR and CANCELLED jobs stay, because a retry goes on with them.
"""

from stepmill.engine.engine import Engine
from stepmill.gateways.blobs import BlobLocation, Blobs

_PREFIX = "artifacts"
_DONE = "SELECT job_id FROM jobs WHERE job_id = ANY(%s) AND status = 'DONE'"


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
    """Remove artifacts that a DONE job left, because its worker was killed before it could."""
    with_artifacts = {path.split("/")[1] for path in await blobs.find(_PREFIX)}
    if not with_artifacts:
        return
    async with engine.database.autocommit() as conn:
        rows = await (await conn.execute(_DONE, (sorted(with_artifacts),))).fetchall()
    for row in rows:
        await JobArtifacts(blobs, row["job_id"]).delete()
