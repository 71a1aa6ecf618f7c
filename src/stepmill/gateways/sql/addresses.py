"""Reading the address of a PostgreSQL, and refusing one that can't be read without showing any part of it.

Any part of a mistyped address may be part of its password, and libpq's own complaints quote what they can't read.
"""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from stepmill.errors import ConfigurationError

_SCHEMES = ("postgresql://", "postgres://")


def read_address(address: str) -> dict[str, Any]:
    """What a URL or a libpq connection string says, by libpq's names. Raises :class:`ConfigurationError`."""
    try:
        read = conninfo_to_dict(address)
    except (psycopg.Error, UnicodeError):
        raise _unreadable() from None
    if _has_bad_numbers(read) or _is_split_within_password(address, read):
        raise _unreadable()
    return read


def _has_bad_numbers(read: dict[str, Any]) -> bool:
    ports = [port for port in str(read.get("port") or "").split(",") if port]
    seconds = str(read.get("connect_timeout") or 0).removeprefix("-")
    return not seconds.isdecimal() or not all(port.isdecimal() and 0 < int(port) < 65536 for port in ports)


def _is_split_within_password(address: str, read: dict[str, Any]) -> bool:
    """Whether an `@` or `/` in the password was taken for its end: its rest then is a host or a database's name."""
    if not address.startswith(_SCHEMES):
        return False
    hosts = str(read.get("host") or "").split(",")
    location = address.partition("://")[2].partition("?")[0]
    # At the start of a host it marks a socket without a file.
    return any("@" in host[1:] for host in hosts) or "@" in location.partition("/")[2]


def _unreadable() -> ConfigurationError:
    return ConfigurationError(
        "database_url_unreadable",
        "The database's address (STEPMILL_DATABASE_URL or --database-url) can't be read. It should be "
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, in which special characters of a password are percent-encoded "
        "(% as %25, @ as %40, / as %2F), or host=HOST user=USER password='PASSWORD' dbname=DATABASE.",
    )
