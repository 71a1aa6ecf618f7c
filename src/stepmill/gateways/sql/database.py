"""Connections to PostgreSQL: each with a role for as long as a transaction lasts, most of them with a tenant.

All processes log in as one user (``roles.py``). A transaction takes its role, tenant and time limits in the same round
trip that begins it and loses them when it ends, so that a pooled connection carries nothing to its next user.
"""

import asyncio
import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from types import TracebackType

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection, AsyncCursor, sql
from psycopg.abc import Params
from psycopg.conninfo import make_conninfo
from psycopg.pq import Escaping, TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from stepmill.errors import UnavailableError
from stepmill.gateways.shares import TenantShares
from stepmill.gateways.sql.addresses import read_address
from stepmill.gateways.sql.roles import Role
from stepmill.gateways.sql.statements import TracedCursor

#: Settings of every session. A client that vanishes is noticed while its statement runs, and between two of them. No
#: statement is compiled: ours are short, and a claim, which the planner thinks dear, took 160 ms by that.
_SESSION = {
    "search_path": "stepmill",
    "client_connection_check_interval": "2s",
    "idle_in_transaction_session_timeout": "5min",
    "timezone": "UTC",
    "jit": "off",
}
_KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "connect_timeout": 10,
}

_WAIT_SECONDS = 30.0
"""As long as the pool lets wait for a connection."""


def session_url(url: str) -> str:
    """``url`` with the session's settings in it, so that whoever connects by it has them; its own options win."""
    given = read_address(url)
    options = str(given.get("options") or "")
    ours = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    if ours not in options:
        options = f"{ours} {options}".strip()  # of two for the same setting the later one holds
    return make_conninfo("", **{**_KEEPALIVE, **given, "options": options})


class Database:
    """One PostgreSQL database. ``url`` may be a URL or a libpq connection string.

    ``traced``: the pools' statements are spans of whatever trace is under way. ``shared``: one tenant has no more than
    three quarters of the connections, so that what it waits for keeps no other tenant waiting.
    """

    def __init__(
        self,
        url: str,
        *,
        application_name: str,
        min_size: int = 1,
        max_size: int = 10,
        traced: bool = False,
        shared: bool = False,
    ) -> None:
        share = max(1, max_size * 3 // 4)
        self._shares = TenantShares(share, "database transactions", wait_seconds=_WAIT_SECONDS) if shared else None
        self.url = session_url(url)
        self._cursor_factory = TracedCursor if traced else AsyncCursor
        self._application_name = application_name
        self._transactions = self._pool("transactions", min_size, max_size, None)
        self._statements = self._pool("statements", min_size, max_size, "stepmill_engine")

    def _pool(
        self, name: str, min_size: int, max_size: int, role: Role | None
    ) -> AsyncConnectionPool[AsyncConnection[DictRow]]:
        async def take_role(conn: AsyncConnection[DictRow]) -> None:
            if role is not None:
                await conn.execute(f"SET ROLE {role}".encode())
                # Its statements are whole transactions, whose locks are held until the client has taken the answer.
                await conn.execute("SET tcp_user_timeout = '25s'")

        return AsyncConnectionPool(
            self.url,
            connection_class=AsyncConnection[DictRow],
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "cursor_factory": self._cursor_factory,
                "application_name": self._application_name,
            },
            name=f"{self._application_name}-{name}",
            min_size=min_size,
            max_size=max_size,
            open=False,
            configure=take_role,
            num_workers=1,
        )

    async def open(self, *, timeout: float = 30) -> None:
        """Connect. Raises :class:`UnavailableError` if the database does not answer within ``timeout`` seconds."""
        try:
            await self._transactions.open(wait=True, timeout=timeout)
            await self._statements.open(wait=True, timeout=timeout)
        except PoolTimeout as error:
            await self.close()
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._transactions.close()
        await self._statements.close()

    def pool_stats(self) -> dict[str, dict[str, int]]:
        """What each pool says of itself; see psycopg_pool's ``get_stats``."""
        return {"transactions": self._transactions.get_stats(), "statements": self._statements.get_stats()}

    async def __aenter__(self) -> "Database":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(
        self,
        role: Role,
        *,
        tenant: str | None = None,
        application_name: str | None = None,
        statement_timeout: float | None = None,
        lock_timeout: float | None = None,
        read_only: bool = False,
    ) -> AsyncIterator[AsyncConnection[DictRow]]:
        """A transaction as ``role``: committed at the end of the block, rolled back by an exception.

        ``tenant`` is the one whose rows ``stepmill_api`` sees; without it that role sees none. Times are in seconds.
        ``conn.transaction()`` inside the block is a savepoint.
        """
        settings = {"role": role, "stepmill.tenant": tenant, "application_name": application_name}
        settings |= {"statement_timeout": _ms(statement_timeout), "lock_timeout": _ms(lock_timeout)}
        settings |= {"transaction_read_only": "on" if read_only else None}
        async with self._connection(tenant) as conn:
            await conn.execute(_begin(conn, settings))
            try:
                yield conn
            except BaseException:
                if conn.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                    with suppress(psycopg.Error):
                        await conn.execute("ROLLBACK")
                raise  # a connection in any other state is closed by the pool
            await _commit(conn)

    async def read(
        self, role: Role, query: str | sql.Composed, values: Params | None = None, *, tenant: str
    ) -> list[DictRow]:
        """The rows of one statement as ``role``, in one round trip: it and its settings are a transaction of their own.

        The values are put into its text, by psycopg, as the protocol has it for several statements at once.
        """
        async with self._connection(tenant) as conn:
            settings = _settings(conn, {"role": role, "stepmill.tenant": tenant})
            statement = AsyncClientCursor(conn).mogrify(query, values)
            cursor = await conn.execute(settings + b"; " + statement.encode())
            cursor.nextset()
            return await cursor.fetchall()

    @asynccontextmanager
    async def _connection(self, tenant: str | None) -> AsyncIterator[AsyncConnection[DictRow]]:
        """One of the transactions' pool, of the tenant's share."""
        async with self._shares.taken(tenant) if self._shares is not None else nullcontext():
            conn = await _living(self._transactions)
            try:
                yield conn
            finally:
                await _give_back(self._transactions, conn)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """A connection as ``stepmill_engine`` on which each statement is a transaction of its own."""
        conn = await _living(self._statements)
        try:
            yield conn
        finally:
            await _give_back(self._statements, conn)

    async def connect(
        self, *, application_name: str, role: Role | None, autocommit: bool = True
    ) -> AsyncConnection[DictRow]:
        """A connection outside the pools, for the caller to close: to LISTEN, or to end other backends.

        Without a role it acts as the login user, whose own backends it may see and end; a role may not.
        """
        try:
            conn = await AsyncConnection.connect(
                self.url, autocommit=True, row_factory=dict_row, application_name=application_name
            )
        except psycopg.OperationalError as error:
            raise _unavailable(error) from error
        try:
            if role is not None:
                await conn.execute(f"SET ROLE {role}".encode())
            await conn.set_autocommit(autocommit)
        except BaseException:  # the caller has nothing to close yet
            await conn.close()
            raise
        return conn


async def _living(pool: AsyncConnectionPool[AsyncConnection[DictRow]]) -> AsyncConnection[DictRow]:
    """Take a connection that is not closed; the pool's own check would wait a second after one that is."""
    try:
        while _is_dead(conn := await _take(pool)):
            await conn.close()
            await _give_back(pool, conn)
    except PoolTimeout as error:
        raise _unavailable(error) from error
    return conn


async def _take(pool: AsyncConnectionPool[AsyncConnection[DictRow]]) -> AsyncConnection[DictRow]:
    """A connection of the pool. Before Python 3.12 its wait may swallow a cancel that comes at the same moment."""
    task = asyncio.current_task()
    cancels = task.cancelling() if task else 0
    conn = await pool.getconn()
    if task and task.cancelling() > cancels:
        await _give_back(pool, conn)
        raise asyncio.CancelledError
    return conn


async def _give_back(pool: AsyncConnectionPool[AsyncConnection[DictRow]], conn: AsyncConnection[DictRow]) -> None:
    """Return a connection, also when the task is cancelled meanwhile: one half returned would be lost for good."""
    await asyncio.shield(pool.putconn(conn))


def _ms(seconds: float | None) -> str | None:
    return None if seconds is None else str(max(1, round(seconds * 1000)))


def _begin(conn: AsyncConnection[DictRow], settings: Mapping[str, str | None]) -> bytes:
    """BEGIN and the transaction's settings as one message."""
    return b"BEGIN; " + _settings(conn, settings)


def _settings(conn: AsyncConnection[DictRow], settings: Mapping[str, str | None]) -> bytes:
    """The settings of a transaction. The role comes last: the login user sets the others."""
    escape = Escaping(conn.pgconn).escape_literal
    calls = [
        b"set_config('%s', %s, true)" % (name.encode(), escape(value.encode()))
        for name, value in sorted(settings.items(), key=lambda setting: setting[0] == "role")
        if value is not None
    ]
    return b"SELECT " + b", ".join(calls)


async def _commit(conn: AsyncConnection[DictRow]) -> None:
    cursor = await conn.execute("COMMIT")
    if cursor.statusmessage != "COMMIT":  # the block swallowed an error, after which PostgreSQL only rolls back
        raise psycopg.errors.InFailedSqlTransaction("a statement of this transaction failed, so nothing was committed")


def _is_dead(conn: AsyncConnection[DictRow]) -> bool:
    """Whether the server closed the connection, told without a round trip: there is an end to read."""
    poll = select.poll()
    poll.register(conn.pgconn.socket, select.POLLIN)
    try:
        while poll.poll(0):
            conn.pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return False


def _unavailable(error: Exception) -> UnavailableError:
    return UnavailableError("database_unavailable", f"The database does not answer: {error}".strip())
