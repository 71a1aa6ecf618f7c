"""Areas, files, plans and environments as their callers see them."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from psycopg import sql

from stepmill.errors import ConflictError, InputError, NotFoundError
from stepmill.gateways.blobs import BlobLocation, Blobs
from stepmill.gateways.documents import Documents
from stepmill.gateways.documents.postgres import PostgresDocuments, find_query
from stepmill.gateways.sql.database import Database
from stepmill.store import areas, environments, files, plans

HERE = ("local", "default")


@pytest.fixture
def documents(database: Database) -> Documents:
    return PostgresDocuments(database)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


async def upload(documents: Documents, blobs: Blobs, area_id: str, name: str, content: bytes) -> files.File:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    async def detect(location: BlobLocation, name: str) -> str:
        return "csv"

    return await files.add(documents, blobs, *HERE, area_id=area_id, name=name, chunks=chunks(), detect=detect)


async def test_an_area_from_making_to_removal(documents: Documents) -> None:
    area = await areas.create(documents, *HERE, name="Orders 2024")
    assert (area.load_mode, area.key_columns, area.version) == ("replaceFile", (), 1)
    assert area.as_json() | {"createdAt": ""} == {
        "areaId": area.area_id, "name": "Orders 2024", "loadMode": "replaceFile", "keyColumns": [],
        "schemaChange": "evolve", "physId": area.phys_id, "createdAt": "", "version": 1,
    }  # fmt: skip

    changed = await areas.update(documents, *HERE, area.area_id, {"load_mode": "upsert", "key_columns": ("id",)})
    assert (changed.load_mode, changed.key_columns, changed.version) == ("upsert", ("id",), 2)
    assert await areas.get(documents, *HERE, area.area_id) == changed
    assert await areas.find_by_table(documents, *HERE, area.phys_id) == changed
    assert await areas.find_by_name(documents, *HERE, "Orders 2024") == changed

    await areas.delete(documents, *HERE, area.area_id)
    assert await areas.find_all(documents, *HERE) == []
    for call in (areas.get, areas.delete):
        with pytest.raises(NotFoundError) as caught:
            await call(documents, *HERE, area.area_id)
        assert caught.value.code == "area_not_found"


async def test_two_areas_never_share_a_name(documents: Documents) -> None:
    await areas.create(documents, *HERE, name="orders")
    other = await areas.create(documents, *HERE, name="customers")
    await areas.create(documents, "local", "other", name="orders")

    with pytest.raises(ConflictError) as created:
        await areas.create(documents, *HERE, name="orders")
    with pytest.raises(ConflictError) as renamed:
        await areas.update(documents, *HERE, other.area_id, {"name": "orders"})
    assert created.value.code == renamed.value.code == "name_taken"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"name": "ü" * 32}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "a\0b"}, "/name"),
        ({"name": "a", "load_mode": "upsert"}, "/keyColumns"),
    ],
)
async def test_an_area_that_could_not_work_is_refused(
    documents: Documents, fields: dict[str, str], pointer: str
) -> None:
    with pytest.raises(InputError) as caught:
        await areas.create(documents, *HERE, **fields)  # type: ignore[arg-type]
    assert [error.pointer for error in caught.value.errors] == [pointer]


async def test_files_of_an_area(documents: Documents, blobs: Blobs) -> None:
    first = await upload(documents, blobs, "area_1", "a.csv", b"x\n1\n")
    second = await upload(documents, blobs, "area_1", "a.csv", b"x\n2\n")
    same = await upload(documents, blobs, "area_1", "b.csv", b"x\n1\n")
    other = await upload(documents, blobs, "area_2", "a.csv", b"x\n1\n")

    assert (first.bytes, first.format, first.duplicate_of, other.duplicate_of) == (4, "csv", None, None)
    assert same.duplicate_of == first.file_id
    assert await files.find_all(documents, *HERE, "area_1") == [first, second, same]
    assert await files.find_all(documents, *HERE, "area_1", name="a.csv", after=first.file_id) == [second]
    assert await files.get(documents, *HERE, first.file_id) == first

    await files.delete(documents, blobs, *HERE, first.file_id)
    assert not await blobs.exists(first.blob_path)
    with pytest.raises(NotFoundError) as caught:
        await files.get(documents, *HERE, first.file_id)
    assert caught.value.code == "file_not_found"


async def test_an_upload_that_fails_leaves_nothing(documents: Documents, blobs: Blobs) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    async def refuse(location: BlobLocation, name: str) -> str:
        raise InputError("not_a_table", "This is a picture.")

    with pytest.raises(InputError):
        await files.add(documents, blobs, *HERE, area_id="area_1", name="a.csv", chunks=chunks(), detect=refuse)

    assert await blobs.find("files") == []
    assert await files.find_all(documents, *HERE, "area_1") == []


async def test_versions_of_a_plan(documents: Documents) -> None:
    assert await plans.in_force(documents, *HERE, "area_1") is None
    first = await plans.add_first(documents, *HERE, "area_1", {"columns": []})
    assert (first.version, first.author, first.status) == (1, "rules", "approved")
    assert await plans.add_first(documents, *HERE, "area_1", {"other": 1}) == first

    draft = await plans.add(documents, *HERE, "area_1", {"n": 2}, author="ai", status="draft", score=0.8)
    assert await plans.in_force(documents, *HERE, "area_1") == first
    approved = await plans.approve(documents, *HERE, "area_1", draft.version)
    third = await plans.add(documents, *HERE, "area_1", {"n": 3}, author="user")

    assert (approved.version, approved.status, approved.plan, approved.score) == (2, "approved", {"n": 2}, 0.8)
    assert await plans.in_force(documents, *HERE, "area_1") == third
    listed = await plans.find_all(documents, *HERE, "area_1", limit=2)
    assert [(version.version, version.status) for version in listed] == [(3, "approved"), (2, "superseded")]
    rest = await plans.find_all(documents, *HERE, "area_1", after=2)
    assert [(version.version, version.status) for version in rest] == [(1, "superseded")]
    with pytest.raises(ConflictError) as caught:
        await plans.approve(documents, *HERE, "area_1", 2)
    assert caught.value.code == "plan_superseded"
    with pytest.raises(NotFoundError):
        await plans.get(documents, *HERE, "area_1", 9)

    await plans.delete_all(documents, *HERE, "area_1")
    assert await plans.find_all(documents, *HERE, "area_1") == []


async def test_versions_made_at_once_get_numbers_of_their_own(documents: Documents) -> None:
    added = await asyncio.gather(*(plans.add(documents, *HERE, "area_1", {"n": n}, author="user") for n in range(6)))

    assert sorted(version.version for version in added) == [1, 2, 3, 4, 5, 6]


async def test_of_versions_made_at_once_on_one_base_only_the_first_is_stored(documents: Documents) -> None:
    await plans.add_first(documents, *HERE, "area_1", {"n": 1})
    tries = (plans.add(documents, *HERE, "area_1", {"n": n}, author="user", base_version=1) for n in range(6))
    found = await asyncio.gather(*tries, return_exceptions=True)

    assert [each.version for each in found if isinstance(each, plans.PlanVersion)] == [2]
    refused = [each for each in found if isinstance(each, ConflictError)]
    assert [(each.code, each.details) for each in refused] == [("plan_changed", {"version": 2})] * 5
    with pytest.raises(NotFoundError):
        await plans.add(documents, *HERE, "area_1", {}, author="user", base_version=3)


async def test_environments_belong_to_one_tenant(database: Database) -> None:
    made = await environments.ensure(database, "t1", "my-env")
    assert (made.schema_name, made.slug, made.name) == ("env_my_env", "my_env", "my-env")
    assert await environments.ensure(database, "t1", "my-env") == made
    await environments.create(database, "t1", "another")

    assert [env.env_id for env in await environments.find_all(database, "t1")] == ["another", "my-env"]
    assert await environments.find_all(database, "t2") == []
    for missing in ("my-env", "nul\0", ""):
        with pytest.raises(NotFoundError) as caught:
            await environments.get(database, "t2", missing)
        assert caught.value.code == "env_not_found"
    with pytest.raises(ConflictError):
        await environments.create(database, "t2", "my_env")  # the same schema
    with pytest.raises(NotFoundError):
        await environments.ensure(database, "t2", "my-env")


@pytest.mark.parametrize("env_id", ["", "-a", "Aa", "a" * 41, "a b", "a\n"])
async def test_an_environments_id_is_plain(database: Database, env_id: str) -> None:
    with pytest.raises(InputError) as caught:
        await environments.create(database, "t1", env_id)
    assert caught.value.code == "invalid_environment"


async def test_a_file_of_many_is_found_without_a_look_at_the_others(
    database: Database,
) -> None:
    place = {"tenant_id": "local", "env_id": "default", "collection": files.FILES.name}
    async with database.transaction("stepmill_api", tenant="local") as conn:
        for table, columns, values in (
            ("documents", "id, data", "'f' || n, jsonb_build_object('areaId', 'a', 'name', n::text)"),
            ("document_keys", "id, field, value, is_unique", "'f' || n, 'areaId', '\"a\"', false"),
            ("document_keys", "id, field, value, is_unique", "'f' || n, 'name', to_json(n::text)::text, false"),
        ):
            await conn.execute(
                f"INSERT INTO {table} (tenant_id, env_id, collection, {columns})"
                f" SELECT %s, %s, %s, {values} FROM generate_series(1, 3000) n",
                tuple(place.values()),
            )
        for where, rows in (({"name": "2999", "areaId": "a"}, 1), ({"areaId": "a"}, 50)):
            query = find_query(place, files.FILES, where, {}, limit=50, after="f15", order="ascending")
            lines = await (await conn.execute(sql.SQL("EXPLAIN (ANALYZE, BUFFERS off) ") + query)).fetchall()
            plan = "\n".join(line["QUERY PLAN"] for line in lines)
            counts = [float(count) for count in re.findall(r"actual .*rows=([\d.]+)", plan)]
            assert max(counts, default=0) == rows, plan
            assert "Removed" not in plan
