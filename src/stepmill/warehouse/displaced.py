"""Which earlier rows give way to a load's: those with the same key, or in the same parts of the table."""

from collections.abc import Mapping

from psycopg import sql

from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.columns import Column
from stepmill.warehouse.tables import Key
from stepmill.warehouse.targets import Target

_DAYS = {
    "timestamp with time zone": "date_trunc('day', {}, 'UTC')",
    "timestamp without time zone": "date_trunc('day', {})",
}


def displacement(target: Target, key: Key, old: Mapping[str, sql.Composable]) -> tuple[sql.Composed, sql.Composed]:
    """The relation ``new`` of what the target's rows displace, and the condition that a row is displaced by one of it.

    ``old`` are that row's values of the key, in the types of the target's columns.
    """
    types = {column.name: column for column in target.columns}
    if key.unique:
        relation = sql.SQL("{} AS new").format(target.table)
        values = dict(old)
    else:
        parts = [_part(types[name], Identifier(name)) for name in key.columns]
        named = [
            sql.SQL("{} AS {}").format(part, Identifier(name)) for name, part in zip(key.columns, parts, strict=True)
        ]
        relation = sql.SQL("(SELECT DISTINCT {} FROM {}) AS new").format(sql.SQL(", ").join(named), target.table)
        values = {name: _part(types[name], old[name]) for name in key.columns}
    equal = [sql.SQL("{} = new.{}").format(values[name], Identifier(name)) for name in key.columns]
    return relation, sql.SQL(" AND ").join(equal)


def _part(column: Column, value: sql.Composable) -> sql.Composable:
    """The part of the table that a row is in by one of its values: a point in time counts by its day."""
    return sql.SQL(_DAYS.get(column.sql_type, "{}")).format(value)
