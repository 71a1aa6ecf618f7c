"""Which files of areas' places were seen, in which state, and which job loads each: so that each is loaded once."""

import hashlib
from datetime import datetime

from stepmill.errors import ConflictError
from stepmill.gateways.documents import Collection, Documents
from stepmill.gateways.places import FoundFile
from stepmill.store.areas import Source
from stepmill.store.records import Record, from_document

SIGHTINGS = Collection("sightings", indexed=("areaId",))

_PAGE = 500


class Sighting(Record):
    """One state of one file of a place, and the job that was submitted for it."""

    area_id: str
    path: str
    mark: str
    file_id: str
    job_id: str
    created_at: datetime


def sighting_id(area_id: str, source: Source, found: FoundFile) -> str:
    """The same for the same state of the same file, and another for each other."""
    text = "\0".join((area_id, source.url, found.path, found.mark))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


async def ids_of(documents: Documents, tenant: str, env: str, area_id: str) -> set[str]:
    """What was seen of an area's place."""
    seen: set[str] = set()
    after: str | None = None
    while True:
        page = await documents.query(tenant, env, SIGHTINGS, {"areaId": area_id}, limit=_PAGE, after=after)
        seen.update(document.id for document in page)
        if len(page) < _PAGE:
            return seen
        after = page[-1].id


async def add(
    documents: Documents, tenant: str, env: str, seen_id: str, *, area_id: str, found: FoundFile, job_id: str
) -> Sighting:
    """Note a file's state as one that a job loads. If another scan has noted it already, that stands."""
    data = {"areaId": area_id, "path": found.path, "mark": found.mark, "fileId": f"file_{seen_id}", "jobId": job_id}
    try:
        return from_document(Sighting, await documents.create(tenant, env, SIGHTINGS, seen_id, data))
    except ConflictError:
        return from_document(Sighting, await documents.get(tenant, env, SIGHTINGS, seen_id))


async def delete_all(documents: Documents, tenant: str, env: str, area_id: str) -> None:
    """Forget what was seen of an area's place."""
    for seen_id in await ids_of(documents, tenant, env, area_id):
        await documents.delete(tenant, env, SIGHTINGS, seen_id)
