"""Scan an area's place: a job for each file that is new there or has changed, and only one."""

from fastapi import APIRouter
from starlette.responses import Response

from stepmill.api import schemas
from stepmill.api.addresses import AreaId
from stepmill.api.answers import answer
from stepmill.api.callers import Operator
from stepmill.api.environments import Env
from stepmill.api.idempotency import Once
from stepmill.api.parts import ApiParts, Parts
from stepmill.api.requests import ApiRoute
from stepmill.auth import Principal
from stepmill.engine.requests import JobRequest
from stepmill.engine.submit import submit_batch
from stepmill.errors import ConflictError, InputError
from stepmill.gateways.places import FoundFile, Places
from stepmill.store import areas, files, sightings
from stepmill.store.areas import Area, Source
from stepmill.store.files import Origin

router = APIRouter(route_class=ApiRoute, tags=["Files"], prefix="/api/envs/{envId}")

_AT_ONCE = 500
"""So many jobs one scan submits at most; the next one goes on."""


@router.post(
    "/areas/{areaId}/scan", summary="Scan an area's place", status_code=202, responses=schemas.accepted(schemas.Scan)
)
async def scan_area(env: Env, area_id: AreaId, caller: Operator, parts: Parts, once: Once) -> Response:
    """A job for each file that is new or changed since the last scan. Files are fetched by their jobs."""

    async def act() -> Response:
        documents, tenant = parts.gateways.documents, caller.tenant_id
        area = await areas.get(documents, tenant, env.env_id, area_id)
        if area.source is None:
            raise ConflictError("area_has_no_source", f"The area {area.name!r} has no source. Give it one first.")
        found = await Places(parts.engine.settings.places).find(area.source.url, area.source.glob)
        known = await sightings.ids_of(documents, tenant, env.env_id, area_id)
        named = {sightings.sighting_id(area_id, area.source, file): file for file in found}
        fresh = {seen_id: file for seen_id, file in named.items() if seen_id not in known}
        good, skipped = _nameable(fresh)
        chosen = dict(list(good.items())[:_AT_ONCE])
        jobs = await _submitted(parts, caller, area, area.source, env.env_id, chosen)
        return answer(
            {
                "found": len(found),
                "unchanged": len(found) - len(fresh),
                "jobs": jobs,
                "skipped": skipped,
                "remaining": len(good) - len(chosen),
            },
            202,
        )

    return await once(act)


def _nameable(fresh: dict[str, FoundFile]) -> tuple[dict[str, FoundFile], list[dict[str, str]]]:
    """Those whose paths can be files' names, and why the others can't."""
    good, skipped = {}, []
    for seen_id, file in fresh.items():
        try:
            files.check_name(file.path)
        except InputError as error:
            skipped.append({"path": ascii(file.path)[1:-1], "reason": error.errors[0].message})
        else:
            good[seen_id] = file
    return good, skipped


async def _submitted(
    parts: ApiParts, caller: Principal, area: Area, source: Source, env_id: str, chosen: dict[str, FoundFile]
) -> list[dict[str, str]]:
    """What was seen is noted last: after whatever breaks off before, the next scan gets the same jobs by their keys."""
    documents, tenant = parts.gateways.documents, caller.tenant_id
    for seen_id, found in chosen.items():
        origin = Origin(url=source.url, path=found.path, mark=found.mark)
        await files.announce(
            documents, tenant, env_id, f"file_{seen_id}", area_id=area.area_id, size=found.size, origin=origin
        )
    requests = [
        JobRequest(
            type="FILE_ETL",
            env_id=env_id,
            params={"areaId": area.area_id, "fileId": f"file_{seen_id}"},
            idempotency_key=f"scan:{seen_id}",
        )
        for seen_id in chosen
    ]
    jobs = await submit_batch(parts.engine, caller, requests) if requests else []
    submitted = []
    for (seen_id, found), job in zip(chosen.items(), jobs, strict=True):
        await sightings.add(documents, tenant, env_id, seen_id, area_id=area.area_id, found=found, job_id=job["jobId"])
        submitted.append({"path": found.path, "fileId": f"file_{seen_id}", "jobId": job["jobId"]})
    return submitted
