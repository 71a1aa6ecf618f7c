"""A table's columns, and how two versions of them differ."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from psycopg import sql

from stepmill.gateways.sql.identifiers import Identifier

LOAD_ID = "_load_id"
"""Hidden column of every warehouse row: the number of the load it came from."""

ORDINAL = "_ordinal"
"""Hidden column of a target under the mode upsert, until its duplicates are gone: the row's place in the source."""

Difference = Literal["same", "widened", "rebuilt"]

_SQL_TYPE = re.compile(
    r"(smallint|integer|bigint|numeric(\(\d+, ?\d+\))?|real|double precision|boolean|date|time without time zone"
    r"|timestamp with(out)? time zone|uuid|jsonb?|text)"
)


@dataclass(frozen=True)
class Column:
    """One column: ``name`` in the physical table, ``logical_name`` in the view; ``type`` is the plan's word for it."""

    name: str
    logical_name: str
    type: str
    sql_type: str
    nullable: bool = True
    unit: str | None = None

    def __post_init__(self) -> None:
        if not _SQL_TYPE.fullmatch(self.sql_type):  # it is written into statements as it stands
            raise ValueError(f"{self.sql_type!r} is not a type that columns have here.")

    @property
    def type_sql(self) -> sql.SQL:
        """The type, as statements write it."""
        return sql.SQL(self.sql_type)

    def as_json(self) -> dict[str, Any]:
        """The column as it is kept in the books."""
        return {
            "name": self.name,
            "logicalName": self.logical_name,
            "type": self.type,
            "sqlType": self.sql_type,
            "nullable": self.nullable,
            "unit": self.unit,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Column":
        """The column that ``as_json`` wrote."""
        return cls(
            name=data["name"],
            logical_name=data["logicalName"],
            type=data["type"],
            sql_type=data["sqlType"],
            nullable=data["nullable"],
            unit=data.get("unit"),
        )


def columns_from_json(data: Iterable[dict[str, Any]]) -> tuple[Column, ...]:
    """The columns of a record in the books."""
    return tuple(Column.from_json(item) for item in data)


def difference(old: Sequence[Column], new: Sequence[Column]) -> Difference:
    """What it takes for a table with the columns ``old`` to take rows with the columns ``new``.

    ``widened``: columns are only added, which is done in place. ``rebuilt``: one is dropped or retyped.
    """
    types = {column.name: column.sql_type for column in new}
    if any(types.get(column.name) != column.sql_type for column in old):
        return "rebuilt"
    return "same" if len(old) == len(new) else "widened"


def keep_order(old: Sequence[Column], new: Sequence[Column]) -> tuple[Column, ...]:
    """``new`` in the order in which readers know them: a view takes further columns at its end only."""
    place = {column.name: index for index, column in enumerate(old)}
    return tuple(sorted(new, key=lambda column: place.get(column.name, len(place))))


def allow_kept_nulls(old: Sequence[Column], new: Sequence[Column]) -> tuple[Column, ...]:
    """``new`` as it is true of a table in which rows with the columns ``old`` stay: those may lack a value."""
    never_null = {column.name for column in old if not column.nullable}
    return tuple(column if column.name in never_null else replace(column, nullable=True) for column in new)


def identifiers(columns: Iterable[Column]) -> sql.Composed:
    """The physical names, quoted, by comma."""
    return sql.SQL(", ").join(Identifier(column.name) for column in columns)


def find_columns(columns: Sequence[Column], names: Iterable[str]) -> list[Column | None]:
    """For each name, given as users give it (logical or physical), its column or None."""
    known = {column.name: column for column in columns} | {column.logical_name: column for column in columns}
    return [known.get(name) for name in names]
