"""File areas: named buckets of related files, each of which feeds one physical table."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from stepmill.engine.ids import new_id
from stepmill.errors import ConflictError, FieldError, InputError, NotFoundError
from stepmill.gateways.documents import Collection, Document, Documents
from stepmill.store.records import Record, changed, from_document

LoadMode = Literal["replaceFile", "replace", "append", "upsert", "replacePartition"]
SchemaChange = Literal["evolve", "freeze", "discardRow", "discardValue"]

AREAS = Collection("areas", unique=("name",), indexed=("physId",))

#: The area's name becomes a view's name, and that is as long as PostgreSQL lets it be.
_LONGEST_NAME = 63


class Source(Record):
    """The place that an area takes files from: those below the URL whose paths fit the pattern."""

    url: str
    glob: str = "*"


class Area(Record):
    """One file area."""

    area_id: str
    name: str
    load_mode: LoadMode = "replaceFile"
    key_columns: tuple[str, ...] = Field(default=())
    schema_change: SchemaChange = "evolve"
    source: Source | None = None
    phys_id: str
    created_at: datetime
    version: int


async def create(
    documents: Documents,
    tenant: str,
    env: str,
    *,
    name: str,
    load_mode: LoadMode = "replaceFile",
    key_columns: Sequence[str] = (),
    schema_change: SchemaChange = "evolve",
    source: Source | None = None,
) -> Area:
    """A new area. Raises :class:`ConflictError` ``name_taken``."""
    data: dict[str, Any] = {"name": name, "loadMode": load_mode, "keyColumns": list(key_columns)}
    data |= {"schemaChange": schema_change, "physId": new_id("tbl"), "source": _as_json(source)}
    _check(data)
    try:
        return _area(await documents.create(tenant, env, AREAS, new_id("area"), data))
    except ConflictError as error:
        raise _named(error, name) from None


async def get(documents: Documents, tenant: str, env: str, area_id: str) -> Area:
    """One area. Raises :class:`NotFoundError` ``area_not_found``."""
    return _area(await _read(documents, tenant, env, area_id))


async def find_all(
    documents: Documents,
    tenant: str,
    env: str,
    *,
    name_contains: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> list[Area]:
    """Areas in the order of their making, from the one that follows ``after``; only those with a text in their name."""
    containing = {"name": name_contains} if name_contains else None
    found = await documents.query(tenant, env, AREAS, containing=containing, limit=limit, after=after)
    return [_area(document) for document in found]


async def find_by_table(documents: Documents, tenant: str, env: str, phys_id: str) -> Area | None:
    """The area that feeds a physical table, if an area does."""
    found = await documents.query(tenant, env, AREAS, {"physId": phys_id}, limit=1)
    return _area(found[0]) if found else None


async def find_by_name(documents: Documents, tenant: str, env: str, name: str) -> Area | None:
    """The area of that name, if there is one."""
    found = await documents.query(tenant, env, AREAS, {"name": name}, limit=1)
    return _area(found[0]) if found else None


async def update(documents: Documents, tenant: str, env: str, area_id: str, changes: Mapping[str, Any]) -> Area:
    """Change ``name``, ``load_mode``, ``key_columns``, ``schema_change`` or ``source``."""
    document = await _read(documents, tenant, env, area_id)
    data = changed(document.data, {name: _as_json(value) for name, value in changes.items()})
    _check(data)
    try:
        return _area(await documents.replace(tenant, env, AREAS, area_id, data, if_version=document.version))
    except ConflictError as error:
        raise _named(error, data["name"]) from None


async def delete(documents: Documents, tenant: str, env: str, area_id: str) -> None:
    """Forget an area; its files, plans and table are others' to remove first."""
    await _read(documents, tenant, env, area_id)
    await documents.delete(tenant, env, AREAS, area_id)


async def _read(documents: Documents, tenant: str, env: str, area_id: str) -> Document:
    try:
        return await documents.get(tenant, env, AREAS, area_id)
    except NotFoundError:
        raise NotFoundError("area_not_found", f"There is no file area {area_id!r}.") from None


def _area(document: Document) -> Area:
    return from_document(Area, document, areaId=document.id, version=document.version)


def _as_json(value: Any) -> Any:
    if isinstance(value, Source):
        return value.as_json()
    return list(value) if isinstance(value, tuple) else value


def _check(data: Mapping[str, Any]) -> None:
    errors = []
    name = data["name"]
    if not name.strip() or len(name.encode(errors="replace")) > _LONGEST_NAME or not name.isprintable():
        message = f"A name has 1 to {_LONGEST_NAME} bytes, all of them printable, and is not blank."
        errors.append(FieldError("/name", message))
    if data["loadMode"] == "upsert" and not data["keyColumns"]:
        errors.append(FieldError("/keyColumns", "The load mode upsert needs the columns that tell rows apart."))
    if errors:
        raise InputError("invalid_area", "The area can't be stored as asked.", errors=errors)


def _named(error: ConflictError, name: str) -> ConflictError:
    if error.code != "value_taken":
        return error
    return ConflictError("name_taken", f"There is already an area named {name!r} in this environment.")
