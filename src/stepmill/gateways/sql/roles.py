"""The database roles, and how to get from a login user to them.

All processes log in as one user and take a role for each transaction. The roles can't log in themselves::

    stepmill_owner    owns Stepmill's own tables; migrations run as it
    stepmill_engine   sees all tenants; Stepmill's own tables only
    stepmill_api      sees the rows of the tenant that the transaction names
    stepmill_loader   owns the warehouse's schemas
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from psycopg import AsyncConnection, sql
from psycopg.rows import tuple_row

Role = Literal["stepmill_owner", "stepmill_engine", "stepmill_api", "stepmill_loader"]
ROLES: tuple[Role, ...] = get_args(Role)

#: Roles that make schemas: Stepmill's own, and those of the warehouse.
_SCHEMA_MAKERS: tuple[Role, ...] = ("stepmill_owner", "stepmill_loader")


@dataclass(frozen=True)
class Grant:
    """Something the database lacks: a sentence, and the statement that mends it."""

    reason: str
    statement: sql.Composed


async def missing_grants(conn: AsyncConnection[Any]) -> list[Grant]:
    """What this login user still needs in this database, in the order in which it can be granted."""
    login, database = await _fetch(conn, "SELECT session_user::text, current_database()::text")
    grants = []
    for role in ROLES:
        if not (await _fetch(conn, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role))[0]:
            statement = sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role))
            grants.append(Grant(f"The role {role} does not exist.", statement))
            member = False
        else:
            member = (await _fetch(conn, f"SELECT pg_has_role(session_user, %s, '{_set_role(conn)}')", role))[0]
        if not member:
            statement = sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login))
            grants.append(Grant(f"{login} may not act as {role}.", statement))
    for role in _SCHEMA_MAKERS:
        may_create = await _fetch(
            conn,
            "SELECT coalesce((SELECT has_database_privilege(oid, current_database(), 'CREATE') FROM pg_roles"
            " WHERE rolname = %s), false)",
            role,
        )
        if not may_create[0]:
            statement = sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(database), sql.Identifier(role)
            )
            grants.append(Grant(f"{role} may not make schemas in the database {database}.", statement))
    return grants


def _set_role(conn: AsyncConnection[Any]) -> str:
    """The privilege that SET ROLE needs: membership until 15, an option of the membership since 16."""
    return "SET" if conn.info.server_version >= 160000 else "MEMBER"


async def _fetch(conn: AsyncConnection[Any], query: str, *params: str) -> tuple[Any, ...]:
    cursor = conn.cursor(row_factory=tuple_row)
    await cursor.execute(query.encode(), params)
    row = await cursor.fetchone()
    assert row is not None
    return row
