"""Uploaded files: a record in the documents, the bytes in blob storage."""

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from stepmill.engine.ids import new_id
from stepmill.errors import ConflictError, FieldError, InputError, NotFoundError
from stepmill.gateways.blobs import BlobLocation, Blobs
from stepmill.gateways.documents import Collection, Document, Documents, Totals
from stepmill.store.records import Record, from_document

FILES = Collection("files", indexed=("areaId", "name", "sha256"))

_LONGEST_NAME = 255

#: Tells a file's format from its bytes and its name.
Detect = Callable[[BlobLocation, str], Awaitable[str]]


class Origin(Record):
    """Where a file is that was found in a place, and the mark it had there."""

    url: str
    path: str
    mark: str


class File(Record):
    """One file; ``duplicate_of`` is an earlier file of the area with the same bytes.

    One that was found in a place has an ``origin``, and no ``sha256`` or ``format`` until its first job fetches it.
    """

    file_id: str
    area_id: str
    name: str
    bytes: int
    sha256: str | None = None
    format: str | None = None
    origin: Origin | None = None
    created_at: datetime
    duplicate_of: str | None = None
    blob_path: str

    @property
    def is_here(self) -> bool:
        """Whether its bytes are in the storage."""
        return self.sha256 is not None


@dataclass(frozen=True)
class Received:
    """Bytes that are in storage and belong to no file yet."""

    file_id: str
    blob_path: str
    bytes: int
    sha256: str


def check_name(name: str) -> None:
    """Raise :class:`InputError` for what can't be a file's name."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        message = f"A file's name has 1 to {_LONGEST_NAME} characters, all of them printable, and is not blank."
        raise InputError("invalid_file_name", message, errors=[FieldError("/name", message)])


async def add(
    documents: Documents,
    blobs: Blobs,
    tenant: str,
    env: str,
    *,
    area_id: str,
    name: str,
    chunks: AsyncIterable[bytes],
    detect: Detect,
) -> File:
    """Store a file's bytes and then its record; if anything fails, neither is left."""
    check_name(name)
    received = await receive(blobs, env, chunks)
    try:
        return await record(documents, blobs, tenant, env, area_id=area_id, name=name, received=received, detect=detect)
    except BaseException:
        await blobs.delete(received.blob_path)
        raise


async def receive(blobs: Blobs, env: str, chunks: AsyncIterable[bytes]) -> Received:
    """Store bytes. Whoever makes no record of them deletes them again."""
    file_id = new_id("file")
    path = f"files/{env}/{file_id}"
    stored = await blobs.put_stream(path, chunks)
    return Received(file_id, path, stored.bytes, stored.sha256)


async def record(
    documents: Documents,
    blobs: Blobs,
    tenant: str,
    env: str,
    *,
    area_id: str,
    name: str,
    received: Received,
    detect: Detect,
) -> File:
    """Make a file of bytes that were received."""
    data: dict[str, Any] = {"areaId": area_id, "name": name, "bytes": received.bytes, "sha256": received.sha256}
    data |= {"blobPath": received.blob_path, "format": await detect(blobs.location(received.blob_path), name)}
    data["duplicateOf"] = await _same(documents, tenant, env, area_id, received.sha256)
    return _file(await documents.create(tenant, env, FILES, received.file_id, data))


async def announce(
    documents: Documents, tenant: str, env: str, file_id: str, *, area_id: str, size: int | None, origin: Origin
) -> None:
    """Make a file of one that was found in a place, if that has not been made already."""
    data = {"areaId": area_id, "name": origin.path, "bytes": size or 0, "origin": origin.as_json()}
    with suppress(ConflictError):
        await documents.create(tenant, env, FILES, file_id, data | {"blobPath": f"files/{env}/{file_id}"})


async def record_fetched(
    documents: Documents, tenant: str, env: str, file_id: str, *, size: int, sha256: str, format_name: str
) -> File:
    """Note that a file's bytes are in the storage now."""
    document = await documents.get(tenant, env, FILES, file_id)
    data = {**document.data, "bytes": size, "sha256": sha256, "format": format_name}
    data["duplicateOf"] = await _same(documents, tenant, env, str(data["areaId"]), sha256)
    return _file(await documents.replace(tenant, env, FILES, file_id, data, if_version=document.version))


async def _same(documents: Documents, tenant: str, env: str, area_id: str, sha256: str) -> str | None:
    found = await documents.query(tenant, env, FILES, {"sha256": sha256, "areaId": area_id}, limit=1)
    return found[0].id if found else None


async def get(documents: Documents, tenant: str, env: str, file_id: str) -> File:
    """One file. Raises :class:`NotFoundError` ``file_not_found``."""
    try:
        return _file(await documents.get(tenant, env, FILES, file_id))
    except NotFoundError:
        raise NotFoundError("file_not_found", f"There is no file {file_id!r}.") from None


async def find_all(
    documents: Documents,
    tenant: str,
    env: str,
    area_id: str,
    *,
    name: str | None = None,
    limit: int = 50,
    after: str | None = None,
    newest_first: bool = False,
) -> list[File]:
    """An area's files in the order of their upload, all or those of one name, from the one that follows ``after``."""
    where = {"areaId": area_id} if name is None else {"name": name, "areaId": area_id}
    order: Literal["ascending", "descending"] = "descending" if newest_first else "ascending"
    found = await documents.query(tenant, env, FILES, where, limit=limit, after=after, order=order)
    return [_file(document) for document in found]


async def totals(documents: Documents, tenant: str, env: str, area_ids: Sequence[str]) -> dict[str, Totals]:
    """How many files each of these areas has, and their bytes; areas without any are left out."""
    return await documents.totals(tenant, env, FILES, "areaId", area_ids, "bytes")


async def delete(documents: Documents, blobs: Blobs, tenant: str, env: str, file_id: str) -> None:
    """Remove a file's record and then its bytes. The rows it brought are another's to remove."""
    file = await get(documents, tenant, env, file_id)
    await documents.delete(tenant, env, FILES, file_id)
    await blobs.delete(file.blob_path)


def _file(document: Document) -> File:
    return from_document(File, document, fileId=document.id)
