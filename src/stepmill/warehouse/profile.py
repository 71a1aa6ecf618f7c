"""What is in each column of a table: nulls, distinct values, ends, quantiles or the commonest values."""

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.columns import Column
from stepmill.warehouse.histogram import as_buckets, lower_bounds
from stepmill.warehouse.tables import PhysicalTable, get_loaded_table

_SAMPLE_ROWS = 100_000
_COMMONEST = 10
_QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_STATEMENT_SECONDS = 30.0
_READERS: dict[str, Callable[[str], Any]] = {
    "numeric": Decimal,
    "double": float,
    "integer": int,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamptz": datetime.fromisoformat,
    "time": time.fromisoformat,
}
"""The types whose values are measured, and how Python reads them."""


async def profile_table(database: Database, tenant_id: str, env_id: str, phys_id: str) -> dict[str, Any]:
    """``{physId, rows, sampledRows, columns: [{name, logicalName, type, nulls, distinct, min, max}]}``.

    Numbers and times have ``quantiles`` ``[{at, value}]`` and a ``histogram`` ``[{from, to, count}]`` too, other
    columns their ``commonest`` ``[{value, count}]``.

    A table of up to 100,000 rows is read whole. Of a larger one a random sample is, so counts are of the sample.
    """
    async with database.transaction("stepmill_loader", tenant=tenant_id, statement_timeout=_STATEMENT_SECONDS) as conn:
        table = await get_loaded_table(conn, env_id, phys_id)
        sample = _sample(table)
        count = await conn.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(sample))
        sampled = (await count.fetchall())[0]["rows"]
        columns = [await _profile_column(conn, sample, column) for column in table.columns]
    return {"physId": table.phys_id, "rows": table.rows, "sampledRows": sampled, "columns": columns}


def _sample(table: PhysicalTable) -> sql.Composed:
    """The table, or a sample that is the same in each statement."""
    if table.rows <= _SAMPLE_ROWS:
        return sql.Composed([table.live])
    share = sql.Literal(round(100 * _SAMPLE_ROWS / table.rows, 6))
    return sql.SQL("{} TABLESAMPLE SYSTEM ({}) REPEATABLE (1)").format(table.live, share)


async def _profile_column(conn: AsyncConnection[DictRow], sample: sql.Composed, column: Column) -> dict[str, Any]:
    name = Identifier(column.name)
    profile: dict[str, Any] = {"name": column.name, "logicalName": column.logical_name, "type": column.type}
    query = sql.SQL(
        "SELECT count(*) - count({name}) AS nulls, count(DISTINCT {value}) AS distinct, {ends} FROM {sample}"
    )
    cursor = await conn.execute(query.format(name=name, value=_comparable(column), ends=_ends(column), sample=sample))
    profile |= (await cursor.fetchall())[0]
    if column.type not in _READERS:
        return profile | {"commonest": await _commonest(conn, sample, column)}
    ends = profile.pop("low"), profile.pop("high")
    profile["quantiles"] = await _quantiles(conn, sample, column)
    return profile | {"histogram": await _histogram(conn, sample, column, *ends)}


async def _quantiles(conn: AsyncConnection[DictRow], sample: sql.Composed, column: Column) -> list[dict[str, Any]]:
    query = sql.SQL(
        "SELECT to_json(percentile_disc({fractions}::float8[]) WITHIN GROUP (ORDER BY {name})) AS quantiles"
        " FROM {sample}"
    )
    fractions = sql.Literal(list(_QUANTILES))
    cursor = await conn.execute(query.format(fractions=fractions, name=Identifier(column.name), sample=sample))
    values = (await cursor.fetchall())[0]["quantiles"]
    return [{"at": at, "value": value} for at, value in zip(_QUANTILES, values or [], strict=False)]


async def _histogram(
    conn: AsyncConnection[DictRow], sample: sql.Composed, column: Column, low: Any, high: Any
) -> list[dict[str, Any]]:
    low, high = _end(column, low), _end(column, high)
    if low is None or high is None:
        return []
    bounds = lower_bounds(low, high)
    query = sql.SQL(
        "SELECT width_bucket({name}, {bounds}::{type}[]) - 1 AS place, count(*) AS count FROM {sample}"
        " WHERE {is_finite} GROUP BY 1"
    )
    cursor = await conn.execute(
        query.format(
            name=Identifier(column.name),
            bounds=sql.Literal(bounds),
            type=sql.SQL("numeric") if column.type == "numeric" else column.type_sql,
            sample=sample,
            is_finite=_is_finite(column),
        )
    )
    counts = {row["place"]: row["count"] for row in await cursor.fetchall()}
    return as_buckets(bounds, high, counts)


def _end(column: Column, text: str | None) -> Any:
    """An end of the column's values; None if there is none, or none that Python can reckon with."""
    if text is None:
        return None
    try:
        value = _READERS[column.type](text)
    except ValueError:  # infinity, or a year past 9999 or before Christ
        return None
    return None if isinstance(value, Decimal) and not value.is_finite() else value


async def _commonest(conn: AsyncConnection[DictRow], sample: sql.Composed, column: Column) -> list[dict[str, Any]]:
    query = sql.SQL(
        "SELECT left({value}::text, 200) AS value, count(*) AS count FROM {sample} WHERE {name} IS NOT NULL"
        " GROUP BY {value} ORDER BY count(*) DESC, 1 LIMIT {limit}"
    )
    limit, name = sql.Literal(_COMMONEST), Identifier(column.name)
    cursor = await conn.execute(query.format(value=_comparable(column), name=name, limit=limit, sample=sample))
    return await cursor.fetchall()


def _comparable(column: Column) -> sql.Composable:
    """The column, so that its values can be told apart and sorted."""
    return sql.SQL("{}::text").format(Identifier(column.name)) if column.type == "json" else Identifier(column.name)


def _ends(column: Column) -> sql.Composable:
    name = Identifier(column.name)
    if column.type in ("json", "boolean", "uuid"):
        return sql.SQL("NULL AS min, NULL AS max")
    if column.type == "text":
        return sql.SQL("left(min({0}), 200) AS min, left(max({0}), 200) AS max").format(name)
    return sql.SQL(
        "to_json(min({0})) AS min, to_json(max({0})) AS max,"
        " to_json(min({0}) FILTER (WHERE {1})) #>> '{{}}' AS low,"
        " to_json(max({0}) FILTER (WHERE {1})) #>> '{{}}' AS high"
    ).format(name, _is_finite(column))


def _is_finite(column: Column) -> sql.Composable:
    condition = "{0} IS NOT NULL"
    if column.type == "double":
        condition = "{0} NOT IN ('NaN', 'Infinity', '-Infinity')"
    return sql.SQL(condition).format(Identifier(column.name))
