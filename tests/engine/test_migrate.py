"""Migrations: once, in order, by one process; roles for whoever may make them and SQL for whoever may not."""

import asyncio
from dataclasses import replace
from importlib import resources
from uuid import uuid4

import psycopg
import pytest
from procrastinate.schema import SchemaManager
from psycopg import sql

from stepmill.engine.migrate import Migration, known_migrations, migrate, require_current
from stepmill.errors import ConfigurationError, UnavailableError
from stepmill.gateways.sql.database import Database
from tests.support.database import DatabaseServer

NAMES = [migration.full_name for migration in known_migrations()]


@pytest.fixture
def empty_url(database_server: DatabaseServer):  # type: ignore[no-untyped-def]
    with database_server.empty() as url:
        yield url


async def test_a_database_is_migrated_once(empty_url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await require_current(empty_url)
    assert caught.value.code == "database_older"
    assert "0001_schema" in caught.value.message

    assert await migrate(empty_url) == NAMES
    assert await migrate(empty_url) == []
    await require_current(empty_url)


async def test_of_processes_that_start_at_once_one_migrates(empty_url: str) -> None:
    results = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))

    assert sorted(results) == [[], [], [], NAMES]


async def test_a_newer_database_is_refused_with_a_sentence(empty_url: str) -> None:
    newer = Migration(9001, "from_tomorrow", b"CREATE TABLE tomorrow (x int)")
    await migrate(empty_url, [*known_migrations(), newer])

    for call in (migrate, require_current):
        with pytest.raises(ConfigurationError) as caught:
            await call(empty_url)
        assert caught.value.code == "database_newer"
        assert "9001_from_tomorrow" in caught.value.message
        assert "Use a later build of Stepmill" in caught.value.message


async def test_a_file_that_changed_after_it_was_applied_is_refused(empty_url: str) -> None:
    await migrate(empty_url)
    first, *others = known_migrations()

    with pytest.raises(ConfigurationError) as caught:
        await migrate(empty_url, [replace(first, script=first.script + b"-- changed"), *others])
    assert caught.value.code == "migration_changed"


async def test_a_migration_that_fails_leaves_the_ones_before_it(empty_url: str) -> None:
    broken = Migration(9001, "broken", b"CREATE TABLE half (x int); SELECT 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await migrate(empty_url, [*known_migrations(), broken])

    await require_current(empty_url)
    assert await migrate(empty_url, [*known_migrations(), replace(broken, script=b"CREATE TABLE half (x int)")]) == [
        "9001_broken"
    ]


_HELD = b"""
SET stepmill.tenant = 't';
INSERT INTO stepmill.physical_tables (phys_id, tenant_id, env_id, owner_kind, owner_id, view_schema, data_schema,
    logical_name)
VALUES ('p', 't', 'e', 'area', 'a', 'v', 'd', 'l');
INSERT INTO stepmill.load_targets (load_id, job_id, tenant_id, env_id, phys_id, generation, schema_name, table_name,
    plan_version, columns, source, is_held)
SELECT id, 'job ' || id, 't', 'e', 'p', n, 'd', 't', 1, '[]', '{}', n = 1
FROM (VALUES ('held', 1), ('in a table', 2)) AS v (id, n);
INSERT INTO stepmill.load_rejects (load_id, ordinal, tenant_id, line, code, reason, record, plan_version)
SELECT load_id, 0, 't', 1, 'c', 'r', '{}', 1 FROM stepmill.load_targets;
"""


async def test_rows_that_an_earlier_program_held_in_the_books_are_typed_again(empty_url: str) -> None:
    await migrate(empty_url, known_migrations()[:28])
    async with await psycopg.AsyncConnection.connect(empty_url, autocommit=True) as conn:
        await conn.execute(_HELD)
        await migrate(empty_url)
        for table in ("load_targets", "load_rejects"):
            left = await conn.execute(f"SELECT load_id FROM stepmill.{table}")
            assert await left.fetchall() == [("in a table",)]


async def test_a_user_who_may_not_make_roles_is_given_the_sql(database_server: DatabaseServer) -> None:
    """The SQL is run by someone who may, as it was printed; then the same call succeeds."""
    user = f"plain_{uuid4().hex[:8]}"
    identifier = sql.Identifier(user)
    with psycopg.connect(database_server.superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(identifier))
        try:
            with database_server.empty(owner="postgres") as url:
                name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
                theirs = database_server.url_of(str(name), user=user)
                with pytest.raises(ConfigurationError) as caught:
                    await migrate(theirs)
                assert caught.value.code == "roles_missing"
                script = (caught.value.details or {})["sql"]
                assert script in caught.value.message
                assert f'GRANT "stepmill_api" TO "{user}";' in script

                with psycopg.connect(database_server.url_of(str(name), user="postgres"), autocommit=True) as other:
                    other.execute(script.encode())

                assert await migrate(theirs) == NAMES
                async with Database(theirs, application_name="tests") as database, database.autocommit() as conn:
                    await conn.execute("SELECT * FROM jobs")
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(identifier))


async def test_a_database_that_does_not_answer(tmp_path: object) -> None:
    with pytest.raises(UnavailableError):
        await migrate("postgresql://nobody@/nothing?host=/nowhere")


async def test_everything_of_ours_belongs_to_the_owner_and_lies_in_our_schema(database: Database) -> None:
    query = """
        SELECT relname AS name, pg_get_userbyid(relowner) AS owner, relnamespace::regnamespace::text AS schema
        FROM pg_class
        WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_|^information_schema$')
        AND NOT (relnamespace = 'stepmill'::regnamespace AND relowner = 'stepmill_owner'::regrole)
    """
    async with database.transaction("stepmill_owner") as conn:
        assert await (await conn.execute(query)).fetchall() == []


async def test_every_table_with_a_tenant_has_forced_row_level_security(database: Database) -> None:
    """Also those that later migrations bring: no row without a tenant set, none of another tenant's."""
    query = """
        SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
               has_table_privilege('stepmill_api', c.oid, 'SELECT') AS readable
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'stepmill'::regnamespace ORDER BY c.relname
    """
    async with database.transaction("stepmill_owner") as conn:
        tables = await (await conn.execute(query)).fetchall()
    assert {"jobs", "documents", "environments"} <= {table["name"] for table in tables}
    assert [table["name"] for table in tables if not table["forced"]] == []
    policies = "SELECT tablename AS name, qual, with_check FROM pg_policies WHERE 'stepmill_api' = ANY (roles)"
    async with database.transaction("stepmill_owner") as conn:
        rows = await (await conn.execute(policies)).fetchall()
    own = "(tenant_id = current_setting('stepmill.tenant'::text, true))"
    by_table = {row["name"]: row for row in rows}
    assert {table["name"] for table in tables if table["readable"]} <= by_table.keys()
    assert [row for row in rows if row["qual"] != own or row["with_check"] not in (own, None)] == []


async def test_the_engine_which_sees_all_tenants_has_its_own_tables_only(database: Database) -> None:
    query = """
        SELECT relname AS name FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'stepmill'::regnamespace AND relname NOT LIKE 'procrastinate%'
        AND has_table_privilege('stepmill_engine', oid, 'SELECT, INSERT, UPDATE, DELETE') ORDER BY relname
    """
    async with database.transaction("stepmill_owner") as conn:
        names = {row["name"] for row in await (await conn.execute(query)).fetchall()}
    jobs = {"jobs", "job_steps", "job_attempts", "job_locks", "job_events", "job_event_counters", "idempotency_keys"}
    swept = {"load_targets", "load_rejects", "retired_tables"}  # what jobs left behind
    queue = {"queue_served", "queue_clocks", "queue_tenants"}
    assert names == jobs | swept | queue | {"workers", "duties", "installation", "migrations"}


async def test_without_a_tenant_the_api_sees_nothing_and_the_owner_neither(database: Database) -> None:
    async with database.transaction("stepmill_api", tenant="t1") as conn:
        await conn.execute(
            "INSERT INTO environments (env_id, tenant_id, name, schema_name) VALUES ('e', 't1', 'e', 's')"
        )
    count = "SELECT count(*) AS n FROM environments"
    seen = {}
    for role, tenant in (
        ("stepmill_api", "t1"),
        ("stepmill_api", "t2"),
        ("stepmill_api", None),
        ("stepmill_owner", "t1"),
    ):
        async with database.transaction(role, tenant=tenant) as conn:  # type: ignore[arg-type]
            seen[role, tenant] = (await (await conn.execute(count)).fetchone() or {})["n"]
    assert list(seen.values()) == [1, 0, 0, 0]

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.transaction("stepmill_api", tenant="t2") as conn:
            await conn.execute(
                "INSERT INTO environments (env_id, tenant_id, name, schema_name) VALUES ('f', 't1', 'f', 'f')"
            )


def test_the_queue_is_the_schema_of_the_installed_procrastinate() -> None:
    script = (resources.files("stepmill.engine.migrations") / "0002_queue.sql").read_text()
    ours = script.split("-- >>>\n")[1].split("-- <<<\n")[0]

    assert ours == SchemaManager.get_schema(), (
        "Procrastinate's schema changed: add a migration made of procrastinate/sql/migrations; compare the sum here."
    )


def test_migrations_are_numbered_without_gaps_or_repeats() -> None:
    assert [migration.number for migration in known_migrations()] == list(range(1, len(NAMES) + 1))
