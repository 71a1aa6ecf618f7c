"""Files: upload, look, preview, remove."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import AreaId, FileId
from stepmill.api.answers import Cursor, Limit, answer, nothing, read_cursor, write_cursor
from stepmill.api.callers import Operator, Viewer
from stepmill.api.environments import Env
from stepmill.api.idempotency import Once
from stepmill.api.in_use import refuse_if_in_use
from stepmill.api.parts import ApiParts, Parts
from stepmill.api.requests import ApiRoute
from stepmill.api.upload import Upload, open_upload
from stepmill.errors import ConflictError, FieldError, InputError
from stepmill.planning.preview import preview_file
from stepmill.planning.sniff import sniff
from stepmill.store import areas, files
from stepmill.store.files import File, Received
from stepmill.warehouse.listing import last_loads
from stepmill.warehouse.revert import remove_file_rows

router = APIRouter(route_class=ApiRoute, tags=["Files"], prefix="/api/envs/{envId}")

_UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself, or a form with one part `file`. It is stored as it comes, whatever its size.",
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
        },
    }
}


@router.post(
    "/areas/{areaId}/files",
    summary="Upload a file",
    status_code=201,
    responses=schemas.created(schemas.File),
    openapi_extra=_UPLOAD_BODY,
)
async def upload_file(
    env: Env,
    area_id: AreaId,
    request: Request,
    caller: Operator,
    parts: Parts,
    once: Once,
    name: Annotated[str | None, Query(max_length=1000, description="Default: the name in the form.")] = None,
) -> Response:
    """The same bytes again are taken, with `duplicateOf`. 413 past the limit. What breaks off leaves nothing behind."""
    documents, tenant = parts.gateways.documents, caller.tenant_id
    area = await areas.get(documents, tenant, env.env_id, area_id)
    upload = await open_upload(request, parts.engine.settings.max_upload_bytes)
    file_name = _file_name(name, upload)

    async with _received(parts, env.env_id, upload) as received:

        async def act() -> Response:
            file = await files.record(
                documents,
                parts.gateways.blobs,
                tenant,
                env.env_id,
                area_id=area.area_id,
                name=file_name,
                received=received,
                detect=sniff,
            )
            return answer(_file_json(file), 201, {"Location": f"/api/envs/{env.env_id}/files/{file.file_id}"})

        response = await once(act, fingerprint=[file_name, received.sha256])
        if "idempotency-replayed" in response.headers:  # the first request's bytes are kept, these are not needed
            await parts.gateways.blobs.delete(received.blob_path)
        return response


@asynccontextmanager
async def _received(parts: ApiParts, env_id: str, upload: Upload) -> AsyncIterator[Received]:
    received = await files.receive(parts.gateways.blobs, env_id, upload.chunks())
    try:
        yield received
    except BaseException:
        # Shielded: also a request that is cancelled here must not leave its bytes behind.
        await asyncio.shield(parts.gateways.blobs.delete(received.blob_path))
        raise


def _file_name(given: str | None, upload: Upload) -> str:
    name = given or upload.name
    if not name:
        message = "Say the file's name: ?name=orders.csv."
        raise InputError("file_name_missing", message, errors=[FieldError("/query/name", message)])
    files.check_name(name)
    return name


def _file_json(file: File) -> dict[str, Any]:
    data = file.as_json()
    del data["blobPath"]
    return data


async def _with_loads(parts: ApiParts, tenant_id: str, env_id: str, found: Sequence[File]) -> list[dict[str, Any]]:
    loads = await last_loads(parts.gateways.sql, tenant_id, env_id, [file.file_id for file in found]) if found else {}
    return [_file_json(file) | {"lastLoad": loads.get(file.file_id)} for file in found]


@router.get("/areas/{areaId}/files", summary="An area's files", responses=schemas.ok(schemas.FileList))
async def list_files(
    env: Env,
    area_id: AreaId,
    caller: Viewer,
    parts: Parts,
    limit: Limit = 50,
    cursor: Cursor = None,
    order: Annotated[Literal["oldest", "newest"], Query(description="Which come first.")] = "oldest",
) -> Response:
    """In the order of their upload, or the newest first, each with its newest load."""
    documents, tenant = parts.gateways.documents, caller.tenant_id
    await areas.get(documents, tenant, env.env_id, area_id)
    after, is_newest = read_cursor("fileId", cursor), order == "newest"
    found = await files.find_all(
        documents, tenant, env.env_id, area_id, limit=limit + 1, after=after, newest_first=is_newest
    )
    page: dict[str, Any] = {"items": await _with_loads(parts, tenant, env.env_id, found[:limit])}
    if len(found) > limit:
        page["nextCursor"] = write_cursor("fileId", found[limit - 1].file_id)
    return answer(page)


@router.get("/files/{fileId}", summary="One file", responses=schemas.ok(schemas.File))
async def get_file(env: Env, file_id: FileId, caller: Viewer, parts: Parts) -> Response:
    """Its record and its newest load."""
    file = await files.get(parts.gateways.documents, caller.tenant_id, env.env_id, file_id)
    return answer((await _with_loads(parts, caller.tenant_id, env.env_id, [file]))[0])


@router.get("/files/{fileId}/preview", summary="Preview a file", responses=schemas.ok(schemas.FilePreview))
async def preview(
    env: Env,
    file_id: FileId,
    caller: Viewer,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=500, description="How many rows at most.", examples=[20])] = 20,
) -> Response:
    """How the rules read it, what its columns hold, its first lines and rows. 422 with a code if it can't be read."""
    file = await files.get(parts.gateways.documents, caller.tenant_id, env.env_id, file_id)
    if not file.is_here:
        raise ConflictError(
            "file_not_fetched", f"The file {file.name!r} is still where it was found: its job fetches it."
        )
    location = parts.gateways.blobs.location(file.blob_path)
    found = await parts.preview_pool.run(preview_file, location, file.name, limit)
    return answer(found | {"columns": [orjson.Fragment(column) for column in found["columns"]]})


@router.delete("/files/{fileId}", summary="Remove a file", status_code=204, responses=schemas.DELETED)
async def delete_file(
    env: Env,
    file_id: FileId,
    caller: Operator,
    parts: Parts,
    once: Once,
    rows: Annotated[Literal["keep", "remove"], Query(description="What becomes of the rows it brought.")] = "keep",
) -> Response:
    """Its rows stay in the table unless they are to be removed. 409 `file_in_use` while a job works on it."""

    async def act() -> Response:
        gateways, tenant = parts.gateways, caller.tenant_id
        await files.get(gateways.documents, tenant, env.env_id, file_id)
        await refuse_if_in_use(parts, caller, env.env_id, file_id, "file_in_use")
        if rows == "remove":
            await remove_file_rows(gateways.sql, tenant, env.env_id, file_id)
        await files.delete(gateways.documents, gateways.blobs, tenant, env.env_id, file_id)
        return nothing()

    return await once(act)
