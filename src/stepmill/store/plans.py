"""Versions of transform plans, of an area or a stream. A version never changes; the newest approved one is in force."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from stepmill.errors import ConflictError, NotFoundError
from stepmill.gateways.documents import Collection, Document, Documents
from stepmill.store.records import Record, changed, from_document

PLANS = Collection("plans", indexed=("ownerId",))

Author = Literal["rules", "ai", "user"]
Status = Literal["draft", "approved", "superseded"]

_DIGITS = 9


class PlanVersion(Record):
    """One version of a plan; ``plan`` is its content as JSON data."""

    owner_id: str
    version: int
    author: Author
    status: Status
    score: float | None = None
    plan: dict[str, Any]
    created_at: datetime


async def add(
    documents: Documents,
    tenant: str,
    env: str,
    owner_id: str,
    plan: Mapping[str, Any],
    *,
    author: Author,
    status: Literal["draft", "approved"] = "approved",
    score: float | None = None,
    base_version: int | None = None,
) -> PlanVersion:
    """A new version, numbered one above the highest.

    With ``base_version``, :class:`ConflictError` ``plan_changed`` if a higher one is there. Of several callers at once
    only one gets the number that follows; the others look again, and find its version.
    """
    while True:
        highest = await newest(documents, tenant, env, owner_id)
        if base_version is not None:
            _check_base(highest, base_version)
        number = highest + 1
        data = {"ownerId": owner_id, "version": number, "author": author, "status": status, "score": score}
        try:
            created = await documents.create(tenant, env, PLANS, _id(owner_id, number), {**data, "plan": dict(plan)})
        except ConflictError:
            continue  # another caller took the number between the two calls
        return _version(created, None)


async def add_first(
    documents: Documents, tenant: str, env: str, owner_id: str, plan: Mapping[str, Any], *, author: Author = "rules"
) -> PlanVersion:
    """Version 1, approved; or, if another caller was faster, the version that is in force."""
    data = {"ownerId": owner_id, "version": 1, "author": author, "status": "approved", "plan": dict(plan)}
    try:
        return _version(await documents.create(tenant, env, PLANS, _id(owner_id, 1), data), None)
    except ConflictError:
        present = await in_force(documents, tenant, env, owner_id)
        return present or await add(documents, tenant, env, owner_id, plan, author=author)


async def in_force(documents: Documents, tenant: str, env: str, owner_id: str) -> PlanVersion | None:
    """The highest approved version."""
    where = {"ownerId": owner_id, "status": "approved"}
    found = await documents.query(tenant, env, PLANS, where, limit=1, order="descending")
    return _version(found[0], None) if found else None


async def newest(documents: Documents, tenant: str, env: str, owner_id: str) -> int:
    """The highest version's number, 0 if there is none."""
    highest = await _highest(documents, tenant, env, owner_id)
    return int(highest.data["version"]) if highest else 0


async def versions_in_force(
    documents: Documents, tenant: str, env: str, owner_ids: Sequence[str]
) -> dict[str, int | None]:
    """The number of the version that is in force, for each of these owners that has one."""
    approved = {"status": "approved"}
    found = await documents.totals(tenant, env, PLANS, "ownerId", owner_ids, "version", approved)
    return {owner_id: totals.largest for owner_id, totals in found.items()}


async def get(documents: Documents, tenant: str, env: str, owner_id: str, version: int) -> PlanVersion:
    """One version. Raises :class:`NotFoundError` ``plan_not_found``."""
    document = await _read(documents, tenant, env, owner_id, version)
    return _version(document, await in_force(documents, tenant, env, owner_id))


async def content(documents: Documents, tenant: str, env: str, owner_id: str, version: int) -> dict[str, Any]:
    """The plan of one version, whatever its status. Raises :class:`NotFoundError` ``plan_not_found``."""
    document = await _read(documents, tenant, env, owner_id, version)
    return from_document(PlanVersion, document).plan


async def find_all(
    documents: Documents, tenant: str, env: str, owner_id: str, *, limit: int = 50, after: int | None = None
) -> list[PlanVersion]:
    """The versions, newest first, from the one that follows version ``after``."""
    last = None if after is None else _id(owner_id, after)
    where = {"ownerId": owner_id}
    found = await documents.query(tenant, env, PLANS, where, limit=limit, after=last, order="descending")
    present = await in_force(documents, tenant, env, owner_id)
    return [_version(document, present) for document in found]


async def approve(documents: Documents, tenant: str, env: str, owner_id: str, version: int) -> PlanVersion:
    """Put a draft in force. Raises :class:`ConflictError` ``plan_superseded`` if a higher version is in force."""
    document = await _read(documents, tenant, env, owner_id, version)
    present = await in_force(documents, tenant, env, owner_id)
    if present and present.version > version:
        raise ConflictError(
            "plan_superseded",
            f"Version {present.version} is in force. Store the plan of version {version} again to make it the newest.",
        )
    if document.data["status"] != "approved":
        data = changed(document.data, {"status": "approved"})
        document = await documents.replace(tenant, env, PLANS, document.id, data, if_version=document.version)
    return _version(document, None)


async def delete_all(documents: Documents, tenant: str, env: str, owner_id: str) -> None:
    """Remove every version, as when their owner is removed."""
    while found := await documents.query(tenant, env, PLANS, {"ownerId": owner_id}, limit=100):
        for document in found:
            await documents.delete(tenant, env, PLANS, document.id)


async def _highest(documents: Documents, tenant: str, env: str, owner_id: str) -> Document | None:
    found = await documents.query(tenant, env, PLANS, {"ownerId": owner_id}, limit=1, order="descending")
    return found[0] if found else None


def _check_base(newest: int, base_version: int) -> None:
    if newest < base_version:
        raise _no_such_version(base_version)
    if newest > base_version:
        raise ConflictError(
            "plan_changed",
            f"Version {newest} was saved meanwhile. Open it, or save again to put yours on top.",
            details={"version": newest},
        )


def _no_such_version(version: int) -> NotFoundError:
    return NotFoundError("plan_not_found", f"There is no version {version} of this plan.")


async def _read(documents: Documents, tenant: str, env: str, owner_id: str, version: int) -> Document:
    try:
        return await documents.get(tenant, env, PLANS, _id(owner_id, version))
    except NotFoundError:
        raise _no_such_version(version) from None


def _id(owner_id: str, version: int) -> str:
    return f"{owner_id}:{version:0{_DIGITS}d}"


def _version(document: Document, present: PlanVersion | None) -> PlanVersion:
    version = from_document(PlanVersion, document)
    if present and version.status == "approved" and version.version < present.version:
        return version.model_copy(update={"status": "superseded"})
    return version
