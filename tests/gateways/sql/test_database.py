"""Connections: what a transaction takes with it, what it leaves behind, and what happens when the server goes."""

import asyncio

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from tests.support.database import DatabaseServer

from stepmill.engine.migrate import migrate
from stepmill.errors import ConfigurationError, UnavailableError
from stepmill.gateways.sql.database import Database, session_url
from stepmill.gateways.sql.roles import ROLES, Role

WHO = """
    SELECT current_user AS role, nullif(current_setting('stepmill.tenant', true), '') AS tenant,
           current_setting('application_name') AS name, current_setting('statement_timeout') AS statement_timeout,
           current_setting('lock_timeout') AS lock_timeout
"""
BUSY = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"


async def test_a_transaction_takes_role_tenant_and_limits_and_leaves_nothing(database_url: str) -> None:
    async with Database(database_url, application_name="tests", max_size=1) as database:
        async with database.transaction(
            "stepmill_api", tenant="o'ne\\", application_name="stepmill:j:1", statement_timeout=1.5, lock_timeout=0.05
        ) as conn:
            inside = await (await conn.execute(WHO)).fetchone()
        async with database.transaction("stepmill_owner") as conn:
            after = await (await conn.execute(WHO)).fetchone()

    assert inside == {
        "role": "stepmill_api", "tenant": "o'ne\\", "name": "stepmill:j:1", "statement_timeout": "1500ms",
        "lock_timeout": "50ms",
    }  # fmt: skip
    assert after == {
        "role": "stepmill_owner", "tenant": None, "name": "tests", "statement_timeout": "0", "lock_timeout": "0"
    }  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
async def test_every_role_can_be_taken(database: Database, role: Role) -> None:
    conn = await database.connect(application_name="tests", role=role)
    async with conn:
        row = await (await conn.execute("SELECT current_user AS role, current_schema() AS schema")).fetchone()
    assert row == {"role": role, "schema": "stepmill"}


async def test_an_error_rolls_back_and_the_connection_is_used_again(database_url: str) -> None:
    async with Database(database_url, application_name="tests", max_size=1) as database:
        with pytest.raises(ZeroDivisionError):
            async with database.transaction("stepmill_owner") as conn:
                await conn.execute("CREATE TABLE gone (x int)")
                raise ZeroDivisionError
        async with database.transaction("stepmill_owner") as conn:
            await conn.execute("CREATE TABLE gone (x int)")


async def test_a_swallowed_error_is_not_taken_for_a_commit(database: Database) -> None:
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        async with database.transaction("stepmill_owner") as conn:
            await conn.execute("CREATE TABLE gone (x int)")
            with pytest.raises(psycopg.errors.UndefinedTable):
                await conn.execute("SELECT * FROM nothing")


async def test_a_savepoint_inside_a_transaction(database: Database) -> None:
    async with database.transaction("stepmill_owner") as conn:
        await conn.execute("CREATE TABLE kept (x int)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            async with conn.transaction():
                await conn.execute("SELECT * FROM nothing")
        await conn.execute("INSERT INTO kept VALUES (1)")
    async with database.transaction("stepmill_owner") as conn:
        assert await (await conn.execute("SELECT x FROM kept")).fetchone() == {"x": 1}


async def test_a_cancelled_task_leaves_no_statement_and_no_transaction(database_url: str) -> None:
    async with Database(database_url, application_name="tests", max_size=1) as database:
        began = asyncio.Event()

        async def sleeper() -> None:
            async with database.transaction("stepmill_engine") as conn:
                began.set()
                await conn.execute("SELECT pg_sleep(60)")

        task = asyncio.create_task(sleeper())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        conn = await database.connect(application_name="tests", role=None)
        # A cancellation that overtakes the statement is lost, and the server then looks itself whether anybody waits.
        async with conn, asyncio.timeout(30):
            while await (await conn.execute(BUSY)).fetchone() != {"n": 1}:  # this one
                pass
        async with database.transaction("stepmill_engine") as conn:
            await conn.execute("SELECT 1")


async def test_cancelled_tasks_give_their_connections_back(database_url: str) -> None:
    async with Database(database_url, application_name="tests", max_size=2) as database:

        async def work() -> None:
            while True:
                async with database.autocommit():
                    pass

        for turns in range(30):
            tasks = [asyncio.create_task(work()) for _ in range(12)]
            for task in tasks:
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait(tasks)
        async with asyncio.timeout(10), database.autocommit(), database.autocommit() as conn:
            assert (await (await conn.execute("SELECT 1 AS one")).fetchone()) == {"one": 1}


async def test_limits_hold(database: Database) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        async with database.transaction("stepmill_engine", statement_timeout=0.02) as conn:
            await conn.execute("SELECT pg_sleep(60)")


async def test_single_statements_run_as_the_engine(database: Database) -> None:
    async with database.autocommit() as conn:
        assert (await (await conn.execute(WHO)).fetchone() or {})["role"] == "stepmill_engine"
        await conn.execute("INSERT INTO workers (worker_id, host, pid, version, types) VALUES ('w', 'h', 1, '1', '{}')")
    async with database.transaction("stepmill_engine") as conn:
        assert await (await conn.execute("SELECT worker_id FROM workers")).fetchone() == {"worker_id": "w"}


async def test_connections_that_the_server_ended_are_replaced_unseen(
    database: Database, database_server: DatabaseServer
) -> None:
    async def kill_all() -> None:
        kill = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tests'"
        async with await psycopg.AsyncConnection.connect(database_server.superuser_url, autocommit=True) as admin:
            name = database.url.split("dbname=")[1].split()[0]
            await admin.execute(sql.SQL(kill + " AND datname = {}").format(name))

    for _ in range(2):
        await kill_all()
        async with database.transaction("stepmill_engine") as conn:
            await conn.execute("SELECT 1")
        async with database.autocommit() as conn:
            await conn.execute("SELECT 1")


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    database = Database("postgresql://nobody@/nothing?host=/nowhere", application_name="tests")
    with pytest.raises(UnavailableError) as opened:
        await database.open(timeout=0.2)
    with pytest.raises(UnavailableError) as connected:
        await database.connect(application_name="tests", role=None)
    assert opened.value.code == connected.value.code == "database_unavailable"


async def test_no_statement_is_compiled_whatever_the_server_would_do(database_server: DatabaseServer) -> None:
    with database_server.empty() as url:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            name = sql.Identifier(conn.info.dbname)
            await conn.execute(sql.SQL("ALTER DATABASE {} SET jit = on").format(name))
        await migrate(url)
        async with Database(url, application_name="tests") as database:
            for connection in (database.transaction("stepmill_engine"), database.autocommit()):
                async with connection as conn:
                    assert await (await conn.execute("SHOW jit")).fetchone() == {"jit": "off"}


def test_what_an_address_names_itself_stays() -> None:
    url = session_url("postgresql://me@h/db?keepalives_idle=99&options=-c%20timezone%3DEurope/Berlin")
    assert "keepalives_idle=99" in url
    assert url.index("timezone=UTC") < url.index("timezone=Europe/Berlin")
    assert session_url(url) == url


def test_an_unreadable_address_is_told_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        session_url("postgresql://me:s3cret@h:port/db?nonsense=1")
    assert caught.value.code == "database_url_unreadable"
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:p%40%2F%25@h1:5432,[::1]/d%40b?application_name=a@b",
        "postgresql://me:a:b?c#d@/db?host=/tmp/x",
        "postgres://me@/db?host=@abstract",
        "host=h password='a @/% b' connect_timeout=-1",
    ],
)
def test_an_address_that_is_right_can_be_read(address: str) -> None:
    assert conninfo_to_dict(address).items() <= conninfo_to_dict(session_url(address)).items()
