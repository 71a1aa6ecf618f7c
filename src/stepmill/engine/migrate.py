"""Bring the database to this program's version: roles, then numbered SQL files, each once and in order.

One process at a time (advisory lock); each file is a transaction, recorded with its checksum. A file that was applied
never changes afterwards, and a database that is ahead of the program is not touched.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from stepmill.errors import ConfigurationError, UnavailableError
from stepmill.gateways.sql.database import session_url
from stepmill.gateways.sql.roles import Grant, missing_grants

OLDEST_SERVER = 15
NEWEST_SERVER = 18

_LOCK = int.from_bytes(b"STEPMILL")

Connection = AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True)
class Migration:
    """One numbered SQL file."""

    number: int
    name: str
    script: bytes

    @property
    def full_name(self) -> str:
        """The file's name without its ending."""
        return f"{self.number:04d}_{self.name}"

    @property
    def checksum(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.script).hexdigest()


def known_migrations() -> list[Migration]:
    """The files that come with this program, by number."""
    files = [file for file in resources.files("stepmill.engine.migrations").iterdir() if file.name.endswith(".sql")]
    migrations = []
    for file in sorted(files, key=lambda file: file.name):
        number, _, name = file.name.removesuffix(".sql").partition("_")
        migrations.append(Migration(int(number), name, file.read_bytes()))
    return migrations


async def migrate(url: str, known: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing and answer the names of what was applied.

    Raises :class:`ConfigurationError` if the database is newer than the program, if an applied file has changed since,
    or if the user may not make the roles: then the message holds the SQL for someone who may.
    """
    migrations = known_migrations() if known is None else list(known)
    async with await _connect(url) as conn:
        _check_server(conn)
        await conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))  # given up when the connection closes
        await _grant(conn)
        missing = _missing(migrations, await _applied(conn))
        for migration in missing:
            await _apply(conn, migration)
    return [migration.full_name for migration in missing]


async def require_current(url: str, known: Sequence[Migration] | None = None) -> None:
    """Raise :class:`ConfigurationError` unless the database is at exactly this program's version."""
    async with await _connect(url) as conn:
        _check_server(conn)
        missing = _missing(known_migrations() if known is None else list(known), await _applied(conn))
    if missing:
        raise ConfigurationError(
            "database_older",
            f"The database lacks {len(missing)} migration(s), the first being {missing[0].full_name}. "
            "Run `stepmill migrate` once, then start again.",
        )


async def _connect(url: str) -> Connection:
    try:
        return await AsyncConnection.connect(
            session_url(url), autocommit=True, row_factory=tuple_row, application_name="stepmill migrate"
        )
    except psycopg.OperationalError as error:
        raise UnavailableError("database_unavailable", f"The database does not answer: {error}") from error


def _check_server(conn: Connection) -> None:
    version = conn.info.server_version // 10000
    if version < OLDEST_SERVER:
        raise ConfigurationError(
            "database_too_old",
            f"The server is PostgreSQL {version}. Stepmill needs {OLDEST_SERVER} to {NEWEST_SERVER}.",
        )


async def _grant(conn: Connection) -> None:
    """Make the roles and give them to the login user, or say what someone else has to run."""
    grants: Sequence[Grant] = ()
    try:
        # Roles belong to the server, the lock to this database: where another database's migration was faster,
        # look again.
        while grants := await missing_grants(conn):
            with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                async with conn.transaction():
                    for grant in grants:
                        await conn.execute(grant.statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            "roles_missing",
            "This database user may not make the roles that Stepmill needs. Let someone who may run this in the same "
            f"database, then try again:\n\n{as_script(grants)}",
            details={"sql": as_script(grants)},
        ) from error


def as_script(grants: Sequence[Grant]) -> str:
    """The grants as SQL to paste into psql."""
    return "".join(f"{grant.statement.as_string()};\n" for grant in grants)


async def _applied(conn: Connection) -> dict[int, tuple[str, str, str]]:
    """Name, checksum and program version of each applied migration."""
    cursor = await conn.execute("SELECT to_regclass('stepmill.migrations') IS NOT NULL")
    if (await cursor.fetchone()) != (True,):
        return {}
    async with conn.transaction():
        await conn.execute("SET LOCAL ROLE stepmill_owner")
        rows = await conn.execute("SELECT number, name, checksum, program_version FROM stepmill.migrations")
        return {row[0]: (row[1], row[2], row[3]) for row in await rows.fetchall()}


def _missing(migrations: Sequence[Migration], applied: dict[int, tuple[str, str, str]]) -> list[Migration]:
    known = {migration.number: migration for migration in migrations}
    for number, (name, checksum, version) in sorted(applied.items()):
        if number not in known:
            program = _program_version()
            which = f"a later build of Stepmill {version}" if version == program else f"Stepmill {version}"
            raise ConfigurationError(
                "database_newer",
                f"The database was migrated by {which} (to {number:04d}_{name} or further), which is newer than this "
                f"program ({program}). Use {which} or newer.",
            )
        if known[number].checksum != checksum:
            raise ConfigurationError(
                "migration_changed",
                f"The migration {number:04d}_{name} has changed since Stepmill {version} applied it to this database. "
                "Use an unchanged release; a change to the database is a new migration.",
            )
    return [migration for migration in migrations if migration.number not in applied]


async def _apply(conn: Connection, migration: Migration) -> None:
    async with conn.transaction():
        await conn.execute("SET LOCAL ROLE stepmill_owner")
        await conn.execute(migration.script)
        await conn.execute(
            "INSERT INTO stepmill.migrations (number, name, checksum, program_version) VALUES (%s, %s, %s, %s)",
            (migration.number, migration.name, migration.checksum, _program_version()),
        )


def _program_version() -> str:
    return metadata.version("stepmill")
