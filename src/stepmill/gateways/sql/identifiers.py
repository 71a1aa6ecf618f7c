"""Names of columns, tables and views within statements, whatever characters users have put into them."""

from psycopg import sql
from psycopg.abc import AdaptContext


class Identifier(sql.Identifier):
    r"""An identifier that may hold a percent sign.

    In a statement with parameters psycopg takes that sign for a placeholder, in one without it does not, and doubling
    it is right only in the first. So it is written by its code, in PostgreSQL's own notation, ``U&"share in \0025"``
    (https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS-UESCAPE). ``regclass`` does
    not read that notation.
    """

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """The identifier as SQL."""
        if not any("%" in name for name in self._obj):
            return super().as_bytes(context)
        connection = context.connection if context else None
        return ".".join(map(_by_code, self._obj)).encode(connection.info.encoding if connection else "utf-8")


def _by_code(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("%", "\\0025").replace('"', '""')
    return f'U&"{escaped}"'
