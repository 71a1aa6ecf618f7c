"""What every documents adapter does. Each adapter is one fixture param; the tests know none of them."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepmill.errors import ConflictError, InputError, NotFoundError
from stepmill.gateways.documents import Collection, Documents, Totals
from stepmill.gateways.documents.postgres import PostgresDocuments
from stepmill.gateways.sql.database import Database

THINGS = Collection("things", indexed=("kind",), unique=("name",))


@pytest.fixture(params=["postgres"])
def documents(request: pytest.FixtureRequest, database: Database) -> Documents:
    adapters = {"postgres": PostgresDocuments}
    adapter: Documents = adapters[request.param](database)
    return adapter


async def test_a_document_comes_back_as_it_was_stored(documents: Documents) -> None:
    data = {"name": "Ünï", "deep": {"list": [1, 2.5, None, True]}, "text": 'quote " and \\u0000 as letters'}

    created = await documents.create("t1", "e1", THINGS, "a", data)

    assert created.data == data
    assert created.version == 1
    assert await documents.get("t1", "e1", THINGS, "a") == created


async def test_an_id_is_taken_only_within_its_tenant_environment_and_collection(documents: Documents) -> None:
    await documents.create("t1", "e1", THINGS, "a", {})
    await documents.create("t1", "e2", THINGS, "a", {})
    await documents.create("t2", "e1", THINGS, "a", {})
    await documents.create("t1", "e1", Collection("others"), "a", {})

    with pytest.raises(ConflictError) as caught:
        await documents.create("t1", "e1", THINGS, "a", {})
    assert caught.value.code == "document_exists"


async def test_replace_needs_the_version_that_was_read(documents: Documents) -> None:
    first = await documents.create("t1", "e1", THINGS, "a", {"n": 1})
    second = await documents.replace("t1", "e1", THINGS, "a", {"n": 2}, if_version=first.version)

    with pytest.raises(ConflictError) as caught:
        await documents.replace("t1", "e1", THINGS, "a", {"n": 3}, if_version=first.version)

    assert caught.value.code == "version_conflict"
    assert (second.version, second.data) == (2, {"n": 2})
    assert await documents.get("t1", "e1", THINGS, "a") == second
    assert replace(second, updated_at=first.updated_at) == replace(first, version=2, data={"n": 2})


async def test_of_two_writers_at_once_one_wins(documents: Documents) -> None:
    await documents.create("t1", "e1", THINGS, "a", {"n": 0})

    writers = [documents.replace("t1", "e1", THINGS, "a", {"n": n}, if_version=1) for n in range(5)]
    results = await asyncio.gather(*writers, return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["ConflictError"] * 4 + ["Document"]


async def test_delete_with_and_without_a_version(documents: Documents) -> None:
    await documents.create("t1", "e1", THINGS, "a", {"name": "x"})

    with pytest.raises(ConflictError):
        await documents.delete("t1", "e1", THINGS, "a", if_version=7)
    await documents.delete("t1", "e1", THINGS, "a", if_version=1)
    await documents.create("t1", "e1", THINGS, "b", {"name": "x"})  # its unique value is free again
    await documents.delete("t1", "e1", THINGS, "b")

    for call in (documents.get("t1", "e1", THINGS, "a"), documents.delete("t1", "e1", THINGS, "a")):
        with pytest.raises(NotFoundError) as caught:
            await call
        assert caught.value.code == "document_not_found"
    with pytest.raises(NotFoundError):
        await documents.replace("t1", "e1", THINGS, "a", {}, if_version=1)


async def test_a_unique_field_is_unique_in_its_collection(documents: Documents) -> None:
    await documents.create("t1", "e1", THINGS, "a", {"name": "x"})
    second = await documents.create("t1", "e1", THINGS, "b", {"name": "y"})
    await documents.create("t2", "e1", THINGS, "a", {"name": "x"})
    await documents.create("t1", "e2", THINGS, "a", {"name": "x"})
    await documents.create("t1", "e1", THINGS, "c", {})
    await documents.create("t1", "e1", THINGS, "d", {"name": None})

    with pytest.raises(ConflictError) as created:
        await documents.create("t1", "e1", THINGS, "e", {"name": "x"})
    with pytest.raises(ConflictError) as replaced:
        await documents.replace("t1", "e1", THINGS, "b", {"name": "x"}, if_version=second.version)

    assert created.value.code == replaced.value.code == "value_taken"
    assert created.value.details == {"field": "name"}
    assert await documents.get("t1", "e1", THINGS, "b") == second
    with pytest.raises(NotFoundError):
        await documents.get("t1", "e1", THINGS, "e")
    await documents.replace("t1", "e1", THINGS, "b", {"name": "y", "more": 1}, if_version=second.version)


async def test_query_by_equality_in_pages(documents: Documents) -> None:
    for number in range(7):
        data = {"kind": "odd" if number % 2 else "even", "number": number, "list": ["odd"], "none": None}
        await documents.create("t1", "e1", THINGS, f"id{number}", data)

    async def ids(**options: object) -> list[str]:
        return [document.id for document in await documents.query("t1", "e1", THINGS, **options)]  # type: ignore[arg-type]

    assert await ids() == [f"id{number}" for number in range(7)]
    assert await ids(where={"kind": "even"}, limit=2) == ["id0", "id2"]
    assert await ids(where={"kind": "even"}, limit=2, after="id2") == ["id4", "id6"]
    assert await ids(where={"kind": "even"}, order="descending", after="id6", limit=1) == ["id4"]
    assert await ids(where={"kind": "even", "number": 4}) == ["id4"]
    assert await ids(where={"number": 4.0}) == ["id4"]
    assert await ids(where={"list": "odd"}) == []
    assert len(await ids(where={"none": None})) == 7
    assert await ids(where={"kind": None}) == []
    assert await ids(where={"kind": "it's"}) == []


async def test_a_replaced_document_is_found_by_its_new_values_only(documents: Documents) -> None:
    await documents.create("t1", "e1", THINGS, "a", {"kind": "old"})
    await documents.replace("t1", "e1", THINGS, "a", {"kind": "new"}, if_version=1)

    assert await documents.query("t1", "e1", THINGS, {"kind": "old"}) == []
    assert [document.id for document in await documents.query("t1", "e1", THINGS, {"kind": "new"})] == ["a"]


async def test_a_long_value_can_be_indexed(documents: Documents) -> None:
    await documents.create("t1", "e1", THINGS, "a", {"kind": "k" * 100_000})

    assert len(await documents.query("t1", "e1", THINGS, {"kind": "k" * 100_000})) == 1


async def test_another_tenants_or_environments_documents_are_not_seen(documents: Documents) -> None:
    await documents.create("t1", "e1", THINGS, "a", {"kind": "x"})

    for tenant, env in (("t2", "e1"), ("t1", "e2"), ("", "e1")):
        assert await documents.query(tenant, env, THINGS, {"kind": "x"}) == []
        with pytest.raises(NotFoundError):
            await documents.get(tenant, env, THINGS, "a")
        with pytest.raises(NotFoundError):
            await documents.replace(tenant, env, THINGS, "a", {}, if_version=1)
        with pytest.raises(NotFoundError):
            await documents.delete(tenant, env, THINGS, "a")


@pytest.mark.parametrize("text", ["\x00", "\ud800"])
async def test_text_that_no_database_stores_is_refused(documents: Documents, text: str) -> None:
    with pytest.raises(InputError) as caught:
        await documents.create("t1", "e1", THINGS, "a", {"text": text})
    assert caught.value.code == "text_not_storable"


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.dictionaries(st.sampled_from(["name", "kind", "a", "b"]), values))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_json_comes_back(documents: Documents, data: dict[str, object]) -> None:
    await documents.create("t1", "e1", THINGS, "any", data)
    try:
        assert (await documents.get("t1", "e1", THINGS, "any")).data == data
    finally:
        await documents.delete("t1", "e1", THINGS, "any")


async def test_documents_that_contain_a_text(documents: Documents) -> None:
    for number, name in enumerate(["Orders 2024", "ORDERS%", "Ärger", "other", 7, None]):
        await documents.create("t1", "e1", THINGS, f"d{number}", {"name": name})

    async def found(text: str, **options: Any) -> list[Any]:
        items = await documents.query("t1", "e1", THINGS, containing={"name": text}, **options)
        return [document.data["name"] for document in items]

    assert await found("ord") == ["Orders 2024", "ORDERS%"]
    assert await found("ord", limit=1) == ["Orders 2024"]
    assert await found("ord", after="d0") == ["ORDERS%"]
    assert await found("%") == ["ORDERS%"]  # a character like others
    assert await found("ä") == ["Ärger"]
    assert await found("x") == []


async def test_totals(documents: Documents) -> None:
    for number, (kind, size) in enumerate([("a", 5), ("a", 2**62), ("a", None), ("b", 0), ("c", 1), ("it's", 3)]):
        data = {"kind": kind, "even": number % 2 == 0} | ({} if size is None else {"size": size})
        await documents.create("t1", "e1", THINGS, str(number), data)
    await documents.create("t1", "e2", THINGS, "0", {"kind": "a", "size": 1})
    await documents.create("t2", "e1", THINGS, "0", {"kind": "a", "size": 1})

    assert await documents.totals("t1", "e1", THINGS, "kind", ["a", "b", "it's", "nothing"], "size") == {
        "a": Totals(3, 2**62 + 5, 2**62),
        "b": Totals(1, 0, 0),
        "it's": Totals(1, 3, 3),
    }
    assert await documents.totals("t1", "e1", THINGS, "kind", ["a", "b"], "size", {"even": True}) == {
        "a": Totals(2, 5, 5)
    }
    assert await documents.totals("t1", "e1", THINGS, "kind", ["a"], "none") == {"a": Totals(3, 0, None)}
    assert await documents.totals("t1", "e1", THINGS, "kind", [], "size") == {}
