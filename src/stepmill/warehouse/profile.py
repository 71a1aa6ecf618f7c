"""What is in each column of a table: nulls, distinct values, ends, quantiles or the commonest values."""

from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.columns import Column
from stepmill.warehouse.tables import PhysicalTable, get_loaded_table

_SAMPLE_ROWS = 100_000
_COMMONEST = 10
_QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_STATEMENT_SECONDS = 30.0
_CONTINUOUS = ("numeric", "double", "integer", "date", "timestamp", "timestamptz", "time")


async def profile_table(database: Database, tenant_id: str, env_id: str, phys_id: str) -> dict[str, Any]:
    """``{physId, rows, sampledRows, columns: [{name, logicalName, type, nulls, distinct, min, max}]}``.

    Numbers and times have ``quantiles`` ``[{at, value}]`` too, other columns their ``commonest`` ``[{value, count}]``.
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
    ends = _ends(column)
    query = sql.SQL(
        "SELECT count(*) - count({name}) AS nulls, count(DISTINCT {value}) AS distinct, {ends} FROM {sample}"
    )
    cursor = await conn.execute(query.format(name=name, value=_comparable(column), ends=ends, sample=sample))
    profile |= (await cursor.fetchall())[0]
    if column.type in _CONTINUOUS:
        fractions = sql.Literal(list(_QUANTILES))
        quantiles = sql.SQL(
            "SELECT to_json(percentile_disc({fractions}::float8[]) WITHIN GROUP (ORDER BY {name})) AS quantiles"
            " FROM {sample}"
        )
        cursor = await conn.execute(quantiles.format(fractions=fractions, name=name, sample=sample))
        values = (await cursor.fetchall())[0]["quantiles"]
        pairs = zip(_QUANTILES, values or [], strict=False)
        return profile | {"quantiles": [{"at": at, "value": value} for at, value in pairs]}
    commonest = sql.SQL(
        "SELECT left({value}::text, 200) AS value, count(*) AS count FROM {sample} WHERE {name} IS NOT NULL"
        " GROUP BY {value} ORDER BY count(*) DESC, 1 LIMIT {limit}"
    )
    cursor = await conn.execute(
        commonest.format(value=_comparable(column), name=name, limit=sql.Literal(_COMMONEST), sample=sample)
    )
    return profile | {"commonest": await cursor.fetchall()}


def _comparable(column: Column) -> sql.Composable:
    """The column, so that its values can be told apart and sorted."""
    return sql.SQL("{}::text").format(Identifier(column.name)) if column.type == "json" else Identifier(column.name)


def _ends(column: Column) -> sql.Composable:
    if column.type in ("json", "boolean", "uuid"):
        return sql.SQL("NULL AS min, NULL AS max")
    form = "to_json(min({0})) AS min, to_json(max({0})) AS max"
    if column.type == "text":
        form = "left(min({0}), 200) AS min, left(max({0}), 200) AS max"
    return sql.SQL(form).format(Identifier(column.name))
