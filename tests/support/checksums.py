"""Whether a table holds exactly a file's rows: PostgreSQL reads the file itself, and both are summed up."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[Any, ...]]
Column = tuple[str, str]


@dataclass(frozen=True)
class Checksum:
    """How many rows, and the sum of a hash of each over all columns: the same in any order."""

    rows: int
    total: int


def columns_of(conn: Connection, schema: str, name: str) -> list[Column]:
    """A table's columns and their types, in order."""
    found = conn.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = format('%%I.%%I', %s::text, %s::text)::regclass AND attnum > 0 ORDER BY attnum",
        (schema, name),
    )
    return [(str(column), str(kind)) for column, kind in found.fetchall()]


def checksum_of_table(conn: Connection, schema: str, name: str, columns: list[Column]) -> Checksum:
    """The checksum of what readers see."""
    return _checksum(conn, sql.Identifier(schema, name), [sql.Identifier(column) for column, _ in columns])


def checksum_of_files(conn: Connection, files: Iterable[Path], columns: list[Column]) -> Checksum:
    """The checksum that a table has if it holds the rows of CSV files, which have its columns, read by PostgreSQL."""
    with conn.transaction():
        conn.execute(
            sql.SQL("CREATE TEMPORARY TABLE raw ({}) ON COMMIT DROP").format(
                sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(column)) for column, _ in columns)
            )
        )
        for file in files:
            with conn.cursor().copy("COPY raw FROM STDIN (FORMAT csv, HEADER)") as copy, file.open("rb") as source:
                while block := source.read(1 << 20):
                    copy.write(block)
        values = [sql.SQL("{}::{}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns]
        return _checksum(conn, sql.Identifier("raw"), values)


def _checksum(conn: Connection, table: sql.Composable, values: list[Any]) -> Checksum:
    found = conn.execute(
        sql.SQL("SELECT count(*), coalesce(sum(hashtextextended(ROW({})::text, 0)), 0) FROM {}").format(
            sql.SQL(", ").join(values), table
        )
    ).fetchone()
    assert found is not None
    return Checksum(int(found[0]), int(found[1]))
