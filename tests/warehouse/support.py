"""Loads at the level of SQL: a target is filled by plain INSERTs where a compute child would COPY."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from stepmill.engine.context import Transaction
from stepmill.engine.ids import new_id
from stepmill.gateways.sql.database import Database
from stepmill.warehouse.bring_in import Begin, Tell, bring_in
from stepmill.warehouse.columns import LOAD_ID, Column
from stepmill.warehouse.held import send
from stepmill.warehouse.ledger import LoadEntry, Mode
from stepmill.warehouse.load import Load
from stepmill.warehouse.schemas import ensure_environment
from stepmill.warehouse.tables import Key, Owner, PhysicalTable, ensure_table, find_table, get_table
from stepmill.warehouse.targets import (
    Filled,
    Held,
    Target,
    create_statement,
    find_place,
    get_target,
    open_target,
    target_at,
    targets_of,
)
from tests.support.jobs import begin_job

TENANT, ENV, SCHEMA = "acme", "default", "env_default"
ID = Column("id", "Id", "integer", "bigint")
NAME = Column("name", "Name", "text", "text")
COLUMNS = (ID, NAME)

Row = tuple[Any, ...]

EITHER_WAY = pytest.mark.parametrize("holds", [False, pytest.param(True, marks=pytest.mark.slow)])
"""A module's tests, with unseen tables and with rows that are held in place of one: that must make no difference."""


@dataclass
class Warehouse:
    """One area's table, and what tests do to it."""

    database: Database
    name: str = field(default_factory=lambda: f"Orders {uuid4().hex[:8]}")
    holds: bool = False
    """Whether targets have no table where that can be, but rows that are held."""
    loads_before: int = 0
    appended: dict[str, int] = field(default_factory=dict)

    @property
    def owner(self) -> Owner:
        """Whose table it is."""
        return Owner("area", f"area of {self.name}")

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        async with self.database.transaction("stepmill_loader", tenant=TENANT) as conn:
            yield Transaction(conn)

    async def make_environment(self) -> None:
        conn = await self.database.connect(application_name="tests", role=None)
        async with conn:
            assert await ensure_environment(conn, SCHEMA)
            row = await (
                await conn.execute("SELECT last_value - (NOT is_called)::integer AS n FROM load_numbers")
            ).fetchone()
            self.loads_before = row["n"] if row else 0

    async def table(self) -> PhysicalTable:
        async with self.begin() as tx:
            return await ensure_table(
                tx.conn, tenant_id=TENANT, env_id=ENV, owner=self.owner, schema_name=SCHEMA, logical_name=self.name
            )

    async def fill(
        self, rows: Sequence[Row], *, columns: Sequence[Column] = COLUMNS, mode: Mode, rejects: int = 0, plan: int = 1
    ) -> Target:
        """A job's complete target."""
        table = await self.table()
        job_id = new_id("job")
        async with self.database.transaction("stepmill_engine") as conn:
            await begin_job(conn, job_id, tenant=TENANT, env=ENV)
        if self.holds and mode in ("append", "replaceFile") and table.generation is not None:
            return await self.held(job_id, rows, columns, rejects, plan)
        async with self.begin() as tx:
            target, _ = await open_target(
                tx.conn, table, job_id=job_id, plan_version=plan, columns=columns, source={"fileId": job_id}
            )
            await _put_rows(tx, target, rows, ordinal=mode == "upsert")
            await _put_chunk(tx, target, len(rows), rejects)
            await _put_rejects(tx.conn, target, rejects)
        return target

    async def held(
        self, job_id: str, rows: Sequence[Row], columns: Sequence[Column], rejects: int, plan: int
    ) -> Target:
        """A target with rows in memory."""
        place = await find_place(self.database, TENANT, ENV, self.owner, job_id)
        assert place is not None
        async with self.begin() as tx:
            target = target_at(place, job_id=job_id, plan_version=plan, columns=columns)
            await _put_rows(tx, target, rows, ordinal=False)
            names = (LOAD_ID, *(column.name for column in columns))
            statement = sql.SQL("COPY {} ({}) TO STDOUT (FORMAT binary)").format(
                target.table, sql.SQL(", ").join(map(sql.Identifier, names))
            )
            async with tx.conn.cursor().copy(statement) as copy:
                data = b"".join([bytes(part) async for part in copy])
            await tx.conn.execute(sql.SQL("DROP TABLE {}").format(target.table))
        filled = Filled(1, True, len(rows) + rejects, len(rows), rejects, 0, 100, None)
        return replace(target, held=Held(names, data, filled, partial(_put_rejects, target=target, rejects=rejects)))

    async def in_table(self, target: Target) -> Target:
        """The target again, with its rows in a table and all that the books have of them."""
        held = target.held
        assert held is not None
        async with self.begin() as tx:
            table = await get_table(tx.conn, ENV, target.phys_id)
            source = {"fileId": target.job_id}
            stored, _ = await open_target(
                tx.conn,
                table,
                job_id=target.job_id,
                plan_version=target.plan_version,
                columns=target.columns,
                source=source,
            )
            await tx.conn.execute(create_statement(stored, ordinal=False))
            await send(tx.conn, held, stored.table)
            number = sql.SQL("UPDATE {} SET {} = %s").format(stored.table, sql.Identifier(LOAD_ID))
            await tx.conn.execute(number, (stored.load_number,))
            await _put_chunk(tx, stored, held.filled.rows_loaded, held.filled.rows_rejected)
            await _put_rejects(tx.conn, stored, held.filled.rows_rejected)
        return stored

    async def lose_rows(self, target: Target) -> Target:
        """The target without its rows, which the books then don't know."""
        if target.held is not None:
            header, trailer = target.held.data[:19], target.held.data[-2:]
            return replace(target, held=replace(target.held, data=header + trailer))
        async with self.begin() as tx:
            await tx.conn.execute(sql.SQL("DELETE FROM {}").format(target.table))
        return target

    async def again(self, target: Target) -> Target:
        """The target as it is in the books now."""
        async with self.begin() as tx:
            return await get_target(tx.conn, target.job_id)

    async def show(
        self,
        target: Target,
        mode: Mode,
        *,
        tell: Tell = lambda sentence: None,
        begin: Begin | None = None,
        **options: Any,
    ) -> LoadEntry:
        """Bring a filled target in."""
        load = Load(job_id=target.job_id, attempt=1, mode=mode, **options)

        async def finish(tx: Transaction, entry: LoadEntry) -> None:
            tx.finished = True

        entry = await bring_in(begin or self.begin, target, load, finish, tell)
        if entry is None:
            entry = await bring_in(begin or self.begin, await self.in_table(target), load, finish, tell)
        assert entry is not None
        assert entry.job_id == target.job_id
        return entry

    async def load(
        self,
        rows: Sequence[Row],
        *,
        columns: Sequence[Column] = COLUMNS,
        mode: Mode = "replaceFile",
        file: str = "a.csv",
        rejects: int = 0,
        plan: int = 1,
        **options: Any,
    ) -> LoadEntry:
        """A whole load."""
        by_id = Key(("id",), unique=mode == "upsert", is_partition=mode == "replacePartition")
        key = options.pop("key", by_id if by_id.must_have_values else None)
        target = await self.fill(rows, columns=columns, mode=mode, rejects=rejects, plan=plan)
        file_id = self.file_id(file)
        if mode == "append":  # which adds a file once: each load is of an upload of its own
            self.appended[file] = self.appended.get(file, 0) + 1
            file_id += f", {self.appended[file]}" if self.appended[file] > 1 else ""
        return await self.show(target, mode, key=key, file_id=file_id, file_name=file, **options)

    def file_id(self, file: str) -> str:
        """The id of a file of this area."""
        return f"{file} of {self.name}"

    async def rows(self) -> list[dict[str, Any]]:
        """What readers see, in the order of the first column."""
        query = sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(SCHEMA, self.name))
        return await self.read(query)

    async def values(self) -> list[Row]:
        """The same as tuples."""
        return [tuple(row.values()) for row in await self.rows()]

    @property
    def view(self) -> str:
        """The quoted name of the logical view."""
        return sql.Identifier(SCHEMA, self.name).as_string()

    async def read(self, query: sql.Composed | str, *args: Any) -> list[dict[str, Any]]:
        """What a query of the warehouse's owner finds."""
        async with self.begin() as tx:
            # Not prepared: PostgreSQL refuses a prepared one after the columns changed.
            return await (await tx.conn.execute(query, args or None, prepare=False)).fetchall()

    async def until(self, statement: str) -> None:
        """Wait until a query of the login user, who sees other sessions, gives a row. Nobody tells of such things."""
        conn = await self.database.connect(application_name="tests:until", role=None)
        async with asyncio.timeout(20), conn:
            while (await conn.execute(statement.encode())).rowcount == 0:
                await asyncio.sleep(0.01)

    async def run(self, statement: str) -> None:
        """Run a statement as the warehouse's owner."""
        async with self.begin() as tx:
            await tx.conn.execute(statement)

    async def tables_on_disk(self) -> list[str]:
        """Which generations, targets and tables kept for an undo there are, by which load of the test made them."""
        query = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND starts_with(tablename, %s)"
        table = await self.table()
        found = await self.read(query, table.data_schema, f"{table.phys_id}_g")
        names = (row["tablename"].removeprefix(f"{table.phys_id}_g") for row in found)
        return sorted(re.sub(r"^\d+", lambda number: str(int(number[0]) - self.loads_before), name) for name in names)

    async def check_books(self) -> None:
        """What the books say is what there is."""
        async with self.begin() as tx:
            table = await find_table(tx.conn, ENV, self.owner)
            assert table is not None
            assert table.rows == len(await self.rows())
            assert await targets_of(tx.conn, table.phys_id) == []


async def _put_rows(tx: Transaction, target: Target, rows: Sequence[Row], *, ordinal: bool) -> None:
    await tx.conn.execute(create_statement(target, ordinal=ordinal))
    insert = sql.SQL("INSERT INTO {} VALUES ({})").format(
        target.table, sql.SQL(", ").join([sql.Placeholder()] * (1 + ordinal + len(target.columns)))
    )
    values = [(target.load_number, *([place] if ordinal else []), *row) for place, row in enumerate(rows)]
    await tx.conn.cursor().executemany(insert, values)


async def _put_chunk(tx: Transaction, target: Target, rows: int, rejects: int) -> None:
    await tx.conn.execute(
        "INSERT INTO load_chunks (load_id, chunk, tenant_id, rows_read, rows_loaded, rows_rejected,"
        " rows_filtered, bytes_read, resume_at, attempt) VALUES (%s, 0, %s, %s, %s, %s, 0, 100, NULL, 1)",
        (target.load_id, TENANT, rows + rejects, rows, rejects),
    )


async def _put_rejects(conn: AsyncConnection[DictRow], target: Target, rejects: int) -> None:
    for number in range(rejects):
        await conn.execute(
            "INSERT INTO load_rejects VALUES (%s, %s, %s, %s, 'id', 'bad_integer', 'x is no integer', 'x', '{}', 1)",
            (target.load_id, number, TENANT, number + 2),
        )
