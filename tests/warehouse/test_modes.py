"""What each load mode does to a table, again and again, as its readers see it."""

from typing import Any

import pytest

from stepmill.errors import ConflictError, DataError, StepmillError
from stepmill.warehouse.columns import Column
from stepmill.warehouse.ledger import Mode
from stepmill.warehouse.revert import remove_file_rows
from stepmill.warehouse.tables import Key
from tests.warehouse.support import COLUMNS, EITHER_WAY, ENV, ID, NAME, TENANT, Row, Warehouse

pytestmark = EITHER_WAY

A: list[Row] = [(1, "one"), (2, "two")]
B: list[Row] = [(2, "zwei"), (3, "drei")]
C: list[Row] = [(1, "uno"), (4, "cuatro")]

LATER = {
    "replaceFile": {"A": A, "A,B": [*A, *B], "A,B,C": [*B, *C], "A,C": C},
    "replace": {"A": A, "A,B": B, "A,B,C": C, "A,C": C},
    "append": {"A": A, "A,B": [*A, *B], "A,B,C": [*A, *B, *C], "A,C": [*A, *C]},
    "upsert": {
        "A": A,
        "A,B": [(1, "one"), *B],
        "A,B,C": [*B, *C],
        "A,C": [(1, "uno"), (2, "two"), (4, "cuatro")],
    },
}
LATER["replacePartition"] = LATER["upsert"]  # as long as a key is a partition of its own, and a file has it once


@pytest.mark.parametrize("mode", list(LATER))
@pytest.mark.parametrize("files", ["A", "A,B", "A,B,C", "A,C"])
async def test_files_after_each_other(warehouse: Warehouse, mode: Mode, files: str) -> None:
    """A and C are two versions of a.csv, B is b.csv."""
    for name in files.split(","):
        rows, file = {"A": (A, "a.csv"), "B": (B, "b.csv"), "C": (C, "a.csv")}[name]
        entry = await warehouse.load(rows, mode=mode, file=file)
        assert (entry.rows_read, entry.rows_loaded, entry.rows_deduplicated) == (2, 2, 0)
    assert sorted(await warehouse.values()) == sorted(LATER[mode][files])
    await warehouse.check_books()


async def test_readers_see_logical_names_and_no_hidden_column(warehouse: Warehouse) -> None:
    await warehouse.load(A)
    assert await warehouse.rows() == [{"Id": 1, "Name": "one"}, {"Id": 2, "Name": "two"}]


async def test_the_reader_role_sees_views_and_nothing_behind(warehouse: Warehouse) -> None:
    await warehouse.load(A)
    conn = await warehouse.database.connect(application_name="reader", role=None)
    async with conn:
        admin = await (await conn.execute("SELECT 'stepmill_reader_default'::regrole::oid AS reader")).fetchone()
        assert admin is not None
        privileges = (
            "SELECT has_table_privilege(%s, %s, 'SELECT') AS view, has_schema_privilege(%s, %s, 'USAGE') AS data"
        )
        values = (admin["reader"], warehouse.view, admin["reader"], "stepmill_data_default")
        assert await (await conn.execute(privileges, values)).fetchone() == {"view": True, "data": False}


async def test_upsert_keeps_the_last_row_of_a_key(warehouse: Warehouse) -> None:
    first = await warehouse.load([(1, "a"), (2, "b"), (1, "c"), (1, "d")], mode="upsert")
    assert (first.rows_read, first.rows_loaded, first.rows_deduplicated) == (4, 2, 2)
    assert await warehouse.values() == [(1, "d"), (2, "b")]
    second = await warehouse.load([(2, "x"), (3, "y"), (2, "z")], mode="upsert")
    assert (second.rows_read, second.rows_loaded, second.rows_deduplicated) == (3, 2, 1)
    assert await warehouse.values() == [(1, "d"), (2, "z"), (3, "y")]
    await warehouse.check_books()


async def test_upsert_with_another_key_makes_a_new_generation(warehouse: Warehouse) -> None:
    await warehouse.load([(1, "a"), (2, "b")], mode="append", file="x.csv")
    await warehouse.load([(9, "b"), (3, "c")], mode="upsert", key=Key(("name",), unique=True))
    assert await warehouse.values() == [(1, "a"), (3, "c"), (9, "b")]
    await warehouse.load([(5, "c"), (5, "d")], mode="append", file="y.csv")
    with pytest.raises(DataError) as caught:
        await warehouse.load([(7, "e")], mode="upsert")  # by id, which two rows share
    assert caught.value.code == "key_not_unique"
    assert len(await warehouse.values()) == 5


async def test_a_load_of_no_rows_can_be_appended(warehouse: Warehouse) -> None:
    await warehouse.load([], mode="append")
    assert await warehouse.values() == []
    await warehouse.load(A, mode="append", file="b.csv")
    await warehouse.load([], mode="append", file="c.csv")
    assert await warehouse.values() == A
    await warehouse.check_books()


@pytest.mark.parametrize("mode", ["replace", "replaceFile"])
async def test_suspiciously_small(warehouse: Warehouse, mode: Mode) -> None:
    with pytest.raises(DataError) as first:
        await warehouse.load([], mode=mode)
    assert first.value.code == "suspiciously_small"
    rows: list[Row] = [(number, "x") for number in range(10)]
    await warehouse.load(rows, mode=mode)
    for few in ([], rows[:4]):
        with pytest.raises(DataError) as caught:
            await warehouse.load(few, mode=mode)
        assert caught.value.code == "suspiciously_small"
        assert caught.value.details == {"rowsLoaded": len(few), "rowsBefore": 10, "leastShare": 0.5}
        assert await warehouse.values() == rows
    await warehouse.load(rows[:5], mode=mode)
    await warehouse.load([], mode=mode, allow_small=True)
    assert await warehouse.values() == []


async def test_small_is_told_by_file(warehouse: Warehouse) -> None:
    rows: list[Row] = [(number, "x") for number in range(10)]
    await warehouse.load(rows, file="big.csv")
    await warehouse.load(rows[:1], file="small.csv")  # its first load
    with pytest.raises(DataError):
        await warehouse.load(rows[:1], file="big.csv")


async def test_what_does_not_balance_is_not_shown(warehouse: Warehouse) -> None:
    await warehouse.load(A)
    target = await warehouse.fill(B, mode="replaceFile")
    target = await warehouse.lose_rows(target)
    with pytest.raises(StepmillError) as caught:
        await warehouse.show(target, "replaceFile", key=None, file_name="a.csv", allow_small=True)
    assert caught.value.code == "load_unbalanced"
    assert await warehouse.values() == A


async def test_widened_in_place(warehouse: Warehouse) -> None:
    await warehouse.load(A, mode="append")
    before = await warehouse.table()
    extra = Column("amount", "Amount", "numeric", "numeric(10,2)")
    await warehouse.load([(3, 1, "three")], mode="append", file="b.csv", columns=(ID, extra, NAME), plan=2)
    assert await warehouse.rows() == [
        {"Id": 1, "Name": "one", "Amount": None},
        {"Id": 2, "Name": "two", "Amount": None},
        {"Id": 3, "Name": "three", "Amount": 1},
    ]
    table = await warehouse.table()
    assert table.generation == before.generation
    assert (table.plan_version, [column.name for column in table.columns]) == (2, ["id", "name", "amount"])


@pytest.mark.parametrize(
    ("old", "new", "values", "expected"),
    [
        ("bigint", "text", [7], ["7"]),
        ("text", "bigint", ["7", None], [7, None]),
        ("bigint", "double precision", [7], [7.0]),
        ("numeric(10,2)", "bigint", [7], [7]),
        ("text", "uuid", ["00000000-0000-0000-0000-000000000001"], None),
        ("boolean", "text", [True], ["true"]),
        ("date", "timestamp without time zone", ["2024-02-29"], None),
    ],
)
async def test_retyped_with_the_rows_that_were_there(
    warehouse: Warehouse, old: str, new: str, values: list[object], expected: list[object] | None
) -> None:
    rows = [(number, value) for number, value in enumerate(values)]
    await warehouse.load(rows, columns=(ID, Column("v", "V", "text", old)), mode="append")
    await warehouse.load([(9, None)], columns=(ID, Column("v", "V", "text", new)), mode="append", file="b.csv")
    seen = await warehouse.values()
    assert len(seen) == len(values) + 1
    if expected is not None:
        assert [value for _, value in seen] == [*expected, None]
    await warehouse.check_books()


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("text", "bigint", "seven"),
        ("numeric(10,2)", "bigint", "7.25"),
        ("bigint", "double precision", 2**53 + 1),
        ("timestamp without time zone", "date", "2024-02-29 12:00"),
        ("boolean", "bigint", True),
    ],
)
async def test_a_cast_that_would_lose_something_is_refused(
    warehouse: Warehouse, old: str, new: str, value: object
) -> None:
    await warehouse.load([(1, value)], columns=(ID, Column("v", "V", "text", old)), mode="append")
    before = await warehouse.rows()
    with pytest.raises(DataError) as caught:
        await warehouse.load([], columns=(ID, Column("v", "V", "text", new)), mode="append", file="b.csv")
    assert caught.value.code == "column_cannot_convert"
    assert caught.value.details is not None
    assert caught.value.details["column"] == "V"
    assert await warehouse.rows() == before


async def test_a_dropped_column_goes_and_a_renamed_one_stays(warehouse: Warehouse) -> None:
    await warehouse.load(A, mode="append")
    await warehouse.load([], mode="append", file="b.csv", columns=(ID, Column("name", "Full name", "text", "text")))
    assert await warehouse.rows() == [{"Id": 1, "Full name": "one"}, {"Id": 2, "Full name": "two"}]
    await warehouse.load([(3,)], mode="append", file="c.csv", columns=(ID,))
    assert await warehouse.rows() == [{"Id": 1}, {"Id": 2}, {"Id": 3}]


async def test_names_may_be_swapped(warehouse: Warehouse) -> None:
    await warehouse.load([("a", "b")], columns=(Column("x", "X", "text", "text"), Column("y", "Y", "text", "text")))
    swapped = (Column("x", "Y", "text", "text"), Column("y", "X", "text", "text"))
    await warehouse.load([("a", "b")], columns=swapped)
    assert await warehouse.rows() == [{"Y": "a", "X": "b"}]


async def test_a_view_of_others_is_kept_or_named(warehouse: Warehouse) -> None:
    await warehouse.load(A)
    mine = f"mine_{warehouse.holds}".lower()
    await warehouse.run(f'CREATE VIEW env_default.{mine} AS SELECT "Name" FROM {warehouse.view}')
    await warehouse.load(B)
    added = (*COLUMNS, Column("more", "More", "text", "text"))
    await warehouse.load([(5, "five", "!")], columns=added, allow_small=True)
    renamed = (ID, Column("name", "Title", "text", "text"), added[2])
    await warehouse.load([(6, "six", "!")], columns=renamed)
    assert await warehouse.read(f"SELECT * FROM env_default.{mine}") == [{"Name": "six"}]
    with pytest.raises(ConflictError) as caught:
        await warehouse.load([(7,)], columns=(ID,))
    assert caught.value.code == "view_in_use"
    assert caught.value.details == {"views": [f"env_default.{mine}"]}
    assert await warehouse.rows() == [{"Id": 6, "Title": "six", "More": "!"}]


async def test_who_may_read_may_read_the_view_made_anew(warehouse: Warehouse) -> None:
    await warehouse.load(A)
    await warehouse.run(f"GRANT SELECT ON {warehouse.view} TO stepmill_api WITH GRANT OPTION")
    await warehouse.load([(1,)], columns=(ID,))
    query = "SELECT has_table_privilege('stepmill_api', %s, 'SELECT WITH GRANT OPTION') AS may"
    assert await warehouse.read(query, warehouse.view) == [{"may": True}]


async def test_names_are_quoted(warehouse: Warehouse) -> None:
    warehouse.name = 'Robert"); DROP TABLE x; --'
    columns = (Column('a"b', '"); DROP VIEW y; --', "text", "text"), Column("%s", "{x}", "text", "text"))
    await warehouse.load([("1", "2")], columns=columns)
    assert await warehouse.rows() == [{'"); DROP VIEW y; --': "1", "{x}": "2"}]


async def test_rows_that_were_carried_over_and_removed_since_are_not_shown(warehouse: Warehouse) -> None:
    await warehouse.load([(1, "1"), (2, "2")], file="a.csv")
    await warehouse.load([(3, "3")], file="b.csv")
    number = Column("name", "Name", "numeric", "numeric(10,2)")
    await warehouse.run(f'UPDATE {warehouse.view} SET "Name" = "Id"')
    target = await warehouse.fill([(3, 3)], mode="replaceFile", columns=(ID, number))

    def stop(sentence: str) -> None:
        if sentence.startswith("Showing"):
            raise _StoppedError

    file: dict[str, Any] = {"file_id": warehouse.file_id("b.csv"), "file_name": "b.csv"}
    with pytest.raises(_StoppedError):
        await warehouse.show(target, "replaceFile", key=None, tell=stop, **file)
    assert await remove_file_rows(warehouse.database, TENANT, ENV, warehouse.file_id("a.csv")) == 2
    again = await warehouse.again(target)
    await warehouse.show(again, "replaceFile", key=None, **file)
    assert [row[0] for row in await warehouse.values()] == [3]
    await warehouse.check_books()


class _StoppedError(Exception):
    """The job is cancelled."""
