"""What is wrong with an installation, as data: each check has a name, a sentence, and often the SQL that mends it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow, dict_row

from stepmill.engine.migrate import NEWEST_SERVER, OLDEST_SERVER, as_script, require_current
from stepmill.errors import StepmillError
from stepmill.gateways.blobs import Blobs
from stepmill.gateways.sql.database import session_url
from stepmill.gateways.sql.roles import missing_grants

#: Connections that an api, a worker with its children and a few users need.
_NEEDED_CONNECTIONS = 40

_DIRECT = "Give Stepmill the address of PostgreSQL itself, or of a pool in session mode."

Connect = Callable[[], Awaitable[AsyncConnection[DictRow]]]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check. One that is not ``required`` is advice: Stepmill works without it."""

    name: str
    ok: bool
    message: str
    sql_to_mend: str | None = None
    required: bool = True


async def examine(url: str, blobs: Blobs | None = None) -> list[Finding]:
    """Check the database and, if given, the blob storage. Changes nothing; never raises for what it finds."""
    findings = []
    try:
        async for finding in _examine_database(url):
            findings.append(finding)  # noqa: PERF401  (those before an error are kept)
    except psycopg.Error as error:
        findings.append(Finding("checks", False, f"The checks were broken off: {error}"))
    if blobs is not None:
        findings.append(await _blobs(blobs))
    return findings


async def _examine_database(url: str) -> AsyncIterator[Finding]:
    async def connect() -> AsyncConnection[DictRow]:
        return await AsyncConnection.connect(
            session_url(url), autocommit=True, row_factory=dict_row, application_name="stepmill doctor"
        )

    try:
        conn = await connect()
    except (psycopg.Error, StepmillError) as error:
        yield _no_connection(error)
        return
    async with conn:
        yield Finding("connection", True, f"Connected to {conn.info.dbname} as {conn.info.user}.")
        yield _version(conn)
        for check in (_encoding, _writable, _durable, _connections, _session_settings, _reader_roles, _timescaledb):
            yield await check(conn)
        async for finding in _roles(conn):
            yield finding
        yield await _same_session(conn, connect)
        yield await _notifications(conn, connect)
    yield await _migrations(url)


def _no_connection(error: Exception) -> Finding:
    hint = f" A connection pool refuses session settings: {_DIRECT}" if "startup parameter" in str(error) else ""
    return Finding("connection", False, f"The database can't be reached: {str(error).strip()}{hint}")


def _version(conn: AsyncConnection[DictRow]) -> Finding:
    version = conn.info.server_version // 10000
    ok = OLDEST_SERVER <= version <= NEWEST_SERVER
    tested = f"Stepmill is tested with {OLDEST_SERVER} to {NEWEST_SERVER}."
    message = f"PostgreSQL {version}." if ok else f"PostgreSQL {version}: {tested}"
    return Finding("version", ok, message, required=version < OLDEST_SERVER)


async def _encoding(conn: AsyncConnection[DictRow]) -> Finding:
    encoding = await _value(conn, "SHOW server_encoding")
    if encoding == "UTF8":
        return Finding("encoding", True, "The database's encoding is UTF8.")
    message = f"The database's encoding is {encoding}, which can't hold every text. Make a database with encoding UTF8."
    statement = "CREATE DATABASE stepmill ENCODING 'UTF8' TEMPLATE template0;\n"
    return Finding("encoding", False, message, statement)


async def _writable(conn: AsyncConnection[DictRow]) -> Finding:
    if await _value(conn, "SELECT pg_is_in_recovery()"):
        return Finding("writable", False, "The server is a read-only copy. Give the address of the primary.")
    if await _value(conn, "SHOW default_transaction_read_only") == "on":
        name = sql.Identifier(conn.info.dbname)
        mend = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = off;\n").format(name).as_string()
        return Finding("writable", False, "Transactions are read-only by default.", mend)
    return Finding("writable", True, "The database takes writes.")


async def _durable(conn: AsyncConnection[DictRow]) -> Finding:
    off = [
        name
        for name in ("fsync", "full_page_writes", "synchronous_commit")
        if await _value(conn, f"SHOW {name}") == "off"
    ]
    if not off:
        return Finding("durability", True, "A commit is on disk when it is answered.")
    mend = "".join(f"ALTER SYSTEM SET {name} = on;\n" for name in off) + "SELECT pg_reload_conf();\n"
    return Finding("durability", False, f"{', '.join(off)} is off: an accepted job can be lost in a power cut.", mend)


async def _connections(conn: AsyncConnection[DictRow]) -> Finding:
    query = """
        SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
               - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
    """
    free = await _value(conn, query)
    if free >= _NEEDED_CONNECTIONS:
        return Finding("connections", True, f"{free} more connections are possible.", required=False)
    message = f"Only {free} more connections are possible; an api and a worker may use {_NEEDED_CONNECTIONS}."
    mend = "ALTER SYSTEM SET max_connections = 200; -- then restart PostgreSQL\n"
    return Finding("connections", False, message, mend, required=False)


async def _session_settings(conn: AsyncConnection[DictRow]) -> Finding:
    path = await _value(conn, "SHOW search_path")
    if path == "stepmill":
        return Finding("session settings", True, "The session's settings arrive.")
    message = f"Settings given when connecting don't arrive (search_path is {path}): a pool drops them. {_DIRECT}"
    return Finding("session settings", False, message)


async def _reader_roles(conn: AsyncConnection[DictRow]) -> Finding:
    query = "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = session_user"
    if await _value(conn, query):
        return Finding("environment roles", True, "Roles for readers of new environments can be made.", required=False)
    login = sql.Identifier(str(await _value(conn, "SELECT session_user::text")))
    message = "This user may not make roles, so a new environment gets no role of its own for readers."
    mend = sql.SQL("ALTER ROLE {} CREATEROLE;\n").format(login).as_string()
    return Finding("environment roles", False, message, mend, required=False)


async def _timescaledb(conn: AsyncConnection[DictRow]) -> Finding:
    version = await _value(
        conn, "SELECT coalesce((SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), '')"
    )
    absent = "TimescaleDB is not there; partitions and summary tables of plain PostgreSQL are used."
    return Finding("timescaledb", True, f"TimescaleDB {version}." if version else absent, required=False)


async def _roles(conn: AsyncConnection[DictRow]) -> AsyncIterator[Finding]:
    grants = await missing_grants(conn)
    for grant in grants:
        yield Finding("roles", False, f"{grant.reason} `stepmill migrate` tries to mend this.", as_script([grant]))
    if not grants:
        yield Finding("roles", True, "All roles are there and may be taken.")


async def _same_session(conn: AsyncConnection[DictRow], connect: Connect) -> Finding:
    """A pool in transaction mode gives the first connection's backend to the second, which keeps it."""
    before = await _value(conn, "SELECT pg_backend_pid()")
    async with await connect() as other:
        await other.execute("BEGIN")
        await other.execute("SELECT 1")
        after = await _value(conn, "SELECT pg_backend_pid()")
        await other.execute("ROLLBACK")
    if before == after:
        return Finding("session", True, "A connection keeps its session.")
    return Finding("session", False, f"A pool changes a connection's session between two statements. {_DIRECT}")


async def _notifications(conn: AsyncConnection[DictRow], connect: Connect) -> Finding:
    channel, told = f"stepmill_doctor_{uuid4().hex}", uuid4().hex
    await conn.execute(f"LISTEN {channel}".encode())
    async with await connect() as other:
        await other.execute("SELECT pg_notify(%s, %s)", (channel, told))
    heard = [notice.payload async for notice in conn.notifies(timeout=2, stop_after=1)]
    if heard == [told]:
        return Finding("notifications", True, "LISTEN hears NOTIFY.")
    message = f"LISTEN does not hear NOTIFY, without which nothing is live: a pool stands in between. {_DIRECT}"
    return Finding("notifications", False, message)


async def _migrations(url: str) -> Finding:
    try:
        await require_current(url)
    except (StepmillError, psycopg.Error) as error:
        return Finding("migrations", False, str(error))
    return Finding("migrations", True, "The database is at this program's version.")


async def _blobs(blobs: Blobs) -> Finding:
    path, written = f"doctor/{uuid4().hex}", uuid4().hex.encode()
    try:
        async with asyncio.timeout(30):
            await blobs.put(path, written)
            read = await blobs.get(path)
            await blobs.delete(path)
    except Exception as error:  # noqa: BLE001  (each storage has errors of its own)
        return Finding(
            "blobs", False, f"Files can't be stored in {blobs.location('x').url.removesuffix('/x')}: {error}"
        )
    if read != written:
        return Finding("blobs", False, "What was stored as a file came back changed.")
    return Finding("blobs", True, "Files can be stored, read and removed.")


async def _value(conn: AsyncConnection[DictRow], query: str) -> Any:
    row = await (await conn.execute(query.encode())).fetchone()
    return next(iter(row.values())) if row else None
