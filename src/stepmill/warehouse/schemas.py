"""An environment's place in the warehouse: a schema of views, a schema of tables behind them, and a reader role."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from stepmill.gateways.sql.identifiers import Identifier


@dataclass(frozen=True)
class EnvironmentSchemas:
    """The names that belong to one environment."""

    views: str
    data: str
    reader: str


def schemas_of(schema_name: str) -> EnvironmentSchemas:
    """The names that go with an environment's ``schema_name``, such as ``env_default``."""
    slug = schema_name.removeprefix("env_")
    # Not ``env_<slug>_data``: that is where the views of an environment called ``<slug>_data`` would be.
    return EnvironmentSchemas(views=schema_name, data=f"stepmill_data_{slug}", reader=f"stepmill_reader_{slug}")


async def ensure_environment(conn: AsyncConnection[Any], schema_name: str) -> bool:
    """Make the environment's schemas and its reader role; safe to repeat.

    ``conn`` is a connection of the login user, in autocommit and without a role, because only that user may make roles.
    Answers whether the reader role is there: a user who may not make roles gets an environment without one.
    """
    names = schemas_of(schema_name)
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 5042))", (schema_name,))
        has_reader = await _ensure_reader(conn, names.reader)
        await conn.execute("SET LOCAL ROLE stepmill_loader")
        for schema in (names.views, names.data):
            await conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(schema)))
        if has_reader:
            await _grant_reading(conn, names)
    return has_reader


async def _ensure_reader(conn: AsyncConnection[Any], reader: str) -> bool:
    try:
        async with conn.transaction():
            found = await conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (reader,))
            if found.rowcount == 0:
                await conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(Identifier(reader)))
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return True  # made meanwhile for another database of the same server
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


async def _grant_reading(conn: AsyncConnection[Any], names: EnvironmentSchemas) -> None:
    """The reader sees the views there are and those to come, and none of the tables behind them."""
    views, reader = Identifier(names.views), Identifier(names.reader)
    for statement in (
        "GRANT USAGE ON SCHEMA {views} TO {reader}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA {views} TO {reader}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {views} GRANT SELECT ON TABLES TO {reader}",
    ):
        await conn.execute(sql.SQL(statement).format(views=views, reader=reader))
