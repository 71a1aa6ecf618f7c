"""Loads at the level of SQL: a target is filled by plain INSERTs where a compute child would COPY."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest
from psycopg import sql

from stepmill.engine.context import Transaction
from stepmill.gateways.sql.database import Database
from stepmill.warehouse import held
from stepmill.warehouse.bring_in import Begin, Tell, bring_in
from stepmill.warehouse.columns import LOAD_ID, Column
from stepmill.warehouse.ledger import LoadEntry, Mode
from stepmill.warehouse.publish import Load
from stepmill.warehouse.schemas import ensure_environment
from stepmill.warehouse.tables import Key, Owner, PhysicalTable, ensure_table, find_table
from stepmill.warehouse.targets import Target, create_statement, get_target, open_target, targets_of
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
        job_id = f"job_{uuid4().hex}"
        async with self.database.transaction("stepmill_engine") as conn:
            await begin_job(conn, job_id, tenant=TENANT, env=ENV)
        async with self.begin() as tx:
            target, _ = await open_target(
                tx.conn, table, job_id=job_id, plan_version=plan, columns=columns, source={"fileId": job_id}
            )
            ordinal = mode == "upsert"
            await tx.conn.execute(create_statement(target, ordinal=ordinal))
            insert = sql.SQL("INSERT INTO {} VALUES ({})").format(
                target.table, sql.SQL(", ").join([sql.Placeholder()] * (1 + ordinal + len(columns)))
            )
            values = [(target.load_number, *([place] if ordinal else []), *row) for place, row in enumerate(rows)]
            await tx.conn.cursor().executemany(insert, values)
            await tx.conn.execute(
                "INSERT INTO load_chunks (load_id, chunk, tenant_id, rows_read, rows_loaded, rows_rejected,"
                " rows_filtered, bytes_read, resume_at, attempt) VALUES (%s, 0, %s, %s, %s, %s, 0, 100, NULL, 1)",
                (target.load_id, TENANT, len(rows) + rejects, len(rows), rejects),
            )
            for ordinal_number in range(rejects):
                await tx.conn.execute(
                    "INSERT INTO load_rejects"
                    " VALUES (%s, %s, %s, %s, 'id', 'bad_integer', 'x is no integer', 'x', '{}', 1)",
                    (target.load_id, ordinal_number, TENANT, ordinal_number + 2),
                )
            if self.holds and not ordinal:
                await self.hold(tx, target)
                target = replace(target, is_held=True)
        return target

    async def hold(self, tx: Transaction, target: Target) -> None:
        """Put the rows that a target's table has into the books, in its place."""
        names = [LOAD_ID, *(column.name for column in target.columns)]
        statement = sql.SQL("COPY {} ({}) TO STDOUT (FORMAT binary)").format(
            target.table, sql.SQL(", ").join(map(sql.Identifier, names))
        )
        async with tx.conn.cursor().copy(statement) as copy:
            data = b"".join([bytes(part) async for part in copy])
        await tx.conn.execute(sql.SQL("DROP TABLE {}").format(target.table))
        await held.hold(tx.conn, target, TENANT, names, data)

    async def lose_rows(self, target: Target) -> None:
        """Take all rows from a target, which the books then don't know."""
        async with self.begin() as tx:
            if target.is_held:
                await held.give_table(tx.conn, target)
            await tx.conn.execute(sql.SQL("DELETE FROM {}").format(target.table))
            if target.is_held:
                await self.hold(tx, target)

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

        return await bring_in(begin or self.begin, target, load, finish, tell)

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
        return await self.show(target, mode, key=key, file_id=self.file_id(file), file_name=file, **options)

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
