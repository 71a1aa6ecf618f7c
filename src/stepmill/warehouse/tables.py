"""Physical tables: find one, make one, hold it still while it changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stepmill.engine.ids import new_id
from stepmill.errors import ConflictError, NotFoundError
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.columns import Column, columns_from_json
from stepmill.warehouse.schemas import schemas_of

OwnerKind = Literal["area", "stream"]

_GET = "SELECT * FROM physical_tables WHERE env_id = %s AND phys_id = %s"
_GET_FOR_UPDATE = f"{_GET} FOR UPDATE"


@dataclass(frozen=True)
class Key:
    """What a table is indexed by.

    ``unique`` under the mode upsert, where a row's key says which row it replaces; ``is_partition`` under the mode
    replacePartition, where it says in which part of the table the row is.
    """

    columns: tuple[str, ...]
    unique: bool
    is_partition: bool = field(default=False, compare=False)  # makes no other index

    @property
    def must_have_values(self) -> bool:
        """Whether a row without a value in one of the columns has no place in the table."""
        return self.unique or self.is_partition

    def as_json(self) -> dict[str, Any]:
        """The key as it is kept in the books."""
        return {"columns": list(self.columns), "unique": self.unique, "isPartition": self.is_partition}

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> "Key | None":
        """The key that ``as_json`` wrote; None for none."""
        return cls(tuple(data["columns"]), data["unique"], data.get("isPartition", False)) if data else None


@dataclass(frozen=True)
class Owner:
    """Whose table it is."""

    kind: OwnerKind
    id: str


@dataclass(frozen=True)
class PhysicalTable:
    """A physical table as the books have it. ``generation`` is None before the first load."""

    phys_id: str
    tenant_id: str
    env_id: str
    owner: Owner
    view_schema: str
    data_schema: str
    logical_name: str
    generation: int | None
    version: int
    columns: tuple[Column, ...]
    key: Key | None
    time_column: str | None
    plan_version: int | None
    rows: int

    @property
    def view(self) -> Identifier:
        """The logical view, quoted."""
        return Identifier(self.view_schema, self.logical_name)

    @property
    def live(self) -> Identifier:
        """The table behind the view, quoted. Only for a table that has one."""
        assert self.generation is not None
        return self.generation_table(self.generation)

    def generation_name(self, generation: int | str) -> str:
        """The name of a generation's table; or how it begins, without a number."""
        return f"{self.phys_id}_g{generation}"

    def generation_table(self, generation: int) -> Identifier:
        """A generation's table, quoted."""
        return Identifier(self.data_schema, self.generation_name(generation))


def table_from_row(row: DictRow) -> PhysicalTable:
    """A physical table from its row in the books."""
    return PhysicalTable(
        phys_id=row["phys_id"],
        tenant_id=row["tenant_id"],
        env_id=row["env_id"],
        owner=Owner(row["owner_kind"], row["owner_id"]),
        view_schema=row["view_schema"],
        data_schema=row["data_schema"],
        logical_name=row["logical_name"],
        generation=row["generation"],
        version=row["version"],
        columns=columns_from_json(row["columns"]),
        key=Key.from_json(row["key"]),
        time_column=row["time_column"],
        plan_version=row["plan_version"],
        rows=row["rows"],
    )


async def ensure_table(
    conn: AsyncConnection[DictRow],
    *,
    tenant_id: str,
    env_id: str,
    owner: Owner,
    schema_name: str,
    logical_name: str,
    phys_id: str | None = None,
) -> PhysicalTable:
    """The owner's table, made in the books if this is the first time; two who ask at once get the same.

    Raises :class:`ConflictError` ``name_taken`` if another owner's table has the logical name.
    """
    found = await find_table(conn, env_id, owner)
    if found is not None:
        return found
    names = schemas_of(schema_name)
    # No conflict is named: of two who ask at once, the later may meet the other's name before the other's owner.
    await conn.execute(
        "INSERT INTO physical_tables (phys_id, tenant_id, env_id, owner_kind, owner_id, view_schema, data_schema,"
        " logical_name) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            phys_id or new_id("t"),
            tenant_id,
            env_id,
            owner.kind,
            owner.id,
            names.views,
            names.data,
            logical_name,
        ),
    )
    found = await find_table(conn, env_id, owner)
    if found is None:
        raise name_taken(logical_name)
    return found


async def find_table(conn: AsyncConnection[DictRow], env_id: str, owner: Owner) -> PhysicalTable | None:
    """The owner's table, if it has one."""
    cursor = await conn.execute(
        "SELECT * FROM physical_tables WHERE env_id = %s AND owner_kind = %s AND owner_id = %s",
        (env_id, owner.kind, owner.id),
    )
    row = await cursor.fetchone()
    return table_from_row(row) if row else None


async def get_table(
    conn: AsyncConnection[DictRow], env_id: str, phys_id: str, *, for_update: bool = False
) -> PhysicalTable:
    """A table by its id. ``for_update`` holds it: nobody changes what its readers see before the transaction ends."""
    cursor = await conn.execute(_GET_FOR_UPDATE if for_update else _GET, (env_id, phys_id))
    row = await cursor.fetchone()
    if row is None:
        raise _not_found(phys_id)
    return table_from_row(row)


async def get_loaded_table(conn: AsyncConnection[DictRow], env_id: str, phys_id: str) -> PhysicalTable:
    """A table that readers can see. Raises NotFoundError for one that has not been loaded yet, too."""
    table = await get_table(conn, env_id, phys_id)
    if table.generation is None:
        raise _not_found(phys_id)
    return table


async def record_change(
    conn: AsyncConnection[DictRow],
    table: PhysicalTable,
    *,
    generation: int,
    columns: Sequence[Column],
    key: Key | None,
    plan_version: int | None,
    rows: int,
    time_column: str | None,
) -> None:
    """Write down what readers see from this transaction's commit on."""
    await conn.execute(
        "UPDATE physical_tables SET generation = %s, columns = %s, key = %s, plan_version = %s, rows = %s,"
        " time_column = %s, version = version + 1, last_load_at = clock_timestamp() WHERE phys_id = %s",
        (
            generation,
            Jsonb([column.as_json() for column in columns]),
            Jsonb(key.as_json()) if key else None,
            plan_version,
            rows,
            time_column,
            table.phys_id,
        ),
    )


async def change_rows(conn: AsyncConnection[DictRow], table: PhysicalTable, by: int) -> None:
    """Write down that rows of the present generation came or went."""
    await conn.execute(
        "UPDATE physical_tables SET rows = rows + %s, version = version + 1 WHERE phys_id = %s", (by, table.phys_id)
    )


def _not_found(phys_id: str) -> NotFoundError:
    return NotFoundError("table_not_found", f"There is no table {phys_id!r}.")


def name_taken(logical_name: str) -> ConflictError:
    """The error of a logical name that another table has."""
    return ConflictError("name_taken", f"Another table of this environment is called {logical_name!r}.")
