"""The load ledger: what each load did, which loads are in force, and how each can be taken back."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stepmill.errors import NotFoundError
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.columns import Column, columns_from_json

Mode = Literal["replaceFile", "replace", "append", "upsert", "replacePartition"]

_SET_LATER = ("superseded_by", "reverted_at", "removed_at", "finished_at", "rejects_gone", "rejects_gone_at")

IN_FORCE = "superseded_by IS NULL AND reverted_at IS NULL AND removed_at IS NULL"

_MAKING_NEEDLESS = f"""
SELECT * FROM (
    (SELECT * FROM load_ledger WHERE phys_id = %(phys_id)s AND file_id = %(added)s AND replay_of IS NULL AND {IN_FORCE}
     ORDER BY version DESC LIMIT 1)
    UNION ALL
    (SELECT * FROM load_ledger WHERE phys_id = %(phys_id)s AND job_id > %(job_id)s AND replay_of IS NULL
     AND (mode = 'replace' OR mode = 'replaceFile' AND file_name = %(file_name)s) AND {IN_FORCE}
     ORDER BY version DESC LIMIT 1)
) AS found ORDER BY file_id = %(added)s DESC NULLS LAST LIMIT 1
"""


@dataclass(frozen=True)
class Undo:
    """How a load is taken back.

    ``kept_in`` is the table (in the data schema) that holds the rows it replaced: the generation before, with its
    ``columns``, ``key`` and the rest, or a table of just those rows. ``carried`` are the numbers of the loads that the
    load left in force and whose rows the generation before holds, too. ``impossible`` says why there is no way back.
    """

    kept_in: str | None = None
    generation: int | None = None
    carried: tuple[int, ...] = ()
    columns: tuple[Column, ...] = ()
    key: dict[str, Any] | None = None
    plan_version: int | None = None
    time_column: str | None = None
    rows: int = 0
    impossible: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The undo as it is kept in the ledger."""
        data = {name: value for name, value in vars(self).items() if value is not None}
        return data | {"columns": [column.as_json() for column in self.columns]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Undo":
        """The undo that ``as_json`` wrote."""
        columns, carried = columns_from_json(data["columns"]), tuple(data.get("carried", ()))
        return cls(**(data | {"columns": columns, "carried": carried}))


@dataclass(frozen=True)
class LoadEntry:
    """One row of the ledger.

    ``version`` is the physical table's after the load, and so the order in which readers saw loads; a load's number is
    given when it begins.
    """

    load_id: str
    load_number: int
    tenant_id: str
    env_id: str
    phys_id: str
    job_id: str
    attempt: int
    mode: Mode
    plan_version: int
    version: int
    generation: int
    file_id: str | None
    file_name: str | None
    replay_of: str | None
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_filtered: int
    rows_deduplicated: int
    bytes_read: int
    undo: Undo
    started_at: datetime
    rejects_bytes: int | None = 0
    rejects_gone: str | None = None
    rejects_gone_at: datetime | None = None
    superseded_by: str | None = None
    reverted_at: datetime | None = None
    removed_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_partial(self) -> bool:
        """Whether it may have replaced some of the rows of other loads. A replay's join what was loaded before them."""
        return self.mode == "replacePartition" and self.replay_of is None

    @property
    def in_force(self) -> bool:
        """Whether nothing replaced its rows or took them away."""
        return self.superseded_by is None and self.reverted_at is None and self.removed_at is None


_RECORDED = tuple(each.name for each in fields(LoadEntry) if each.name not in _SET_LATER)
_RECORD = (
    sql.SQL("INSERT INTO load_ledger ({}) VALUES ({})")
    .format(sql.SQL(", ").join(map(Identifier, _RECORDED)), sql.SQL(", ").join(map(sql.Placeholder, _RECORDED)))
    .as_string()
)


async def record(conn: AsyncConnection[DictRow], entry: LoadEntry) -> None:
    """Add a load. The database refuses one whose counts don't balance."""
    values = {name: getattr(entry, name) for name in _RECORDED}
    await conn.execute(_RECORD, values | {"undo": Jsonb(entry.undo.as_json())})


async def get_load(conn: AsyncConnection[DictRow], env_id: str, load_id: str) -> LoadEntry:
    """A load by its id. Raises NotFoundError."""
    cursor = await conn.execute("SELECT * FROM load_ledger WHERE env_id = %s AND load_id = %s", (env_id, load_id))
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError("load_not_found", f"There is no load {load_id!r}.")
    return entry_from_row(row)


async def loads_in_force(conn: AsyncConnection[DictRow], phys_id: str) -> list[LoadEntry]:
    """The loads whose rows make up the table, oldest first."""
    cursor = await conn.execute(
        f"SELECT * FROM load_ledger WHERE phys_id = %s AND {IN_FORCE} ORDER BY version", (phys_id,)
    )
    return [entry_from_row(row) for row in await cursor.fetchall()]


async def loads_of_name(conn: AsyncConnection[DictRow], phys_id: str, file_name: str | None) -> list[LoadEntry]:
    """Those of them whose rows are of files of this name, oldest first."""
    cursor = await conn.execute(
        f"SELECT * FROM load_ledger WHERE phys_id = %s AND file_name = %s AND {IN_FORCE} ORDER BY version",
        (phys_id, file_name),
    )
    return [entry_from_row(row) for row in await cursor.fetchall()]


async def has_other_loads(conn: AsyncConnection[DictRow], phys_id: str, loads: Sequence[LoadEntry]) -> bool:
    """Whether other loads than these are in force."""
    cursor = await conn.execute(
        f"SELECT FROM load_ledger WHERE phys_id = %s AND load_id <> ALL(%s) AND {IN_FORCE} LIMIT 1",
        (phys_id, [load.load_id for load in loads]),
    )
    return cursor.rowcount > 0


async def find_making_needless(
    conn: AsyncConnection[DictRow], phys_id: str, *, mode: Mode, job_id: str, file_id: str | None, file_name: str | None
) -> LoadEntry | None:
    """The load in force that makes one of a file needless, if there is one.

    It added this very file; or it is of a job submitted later and replaces the file's rows. Jobs may overtake one
    another: in the order of their submission those rows would be gone by now.
    """
    added = file_id if mode == "append" else None
    values = {"phys_id": phys_id, "job_id": job_id, "file_name": file_name, "added": added}
    row = await (await conn.execute(_MAKING_NEEDLESS, values)).fetchone()
    return entry_from_row(row) if row else None


async def replays_of(conn: AsyncConnection[DictRow], load_id: str) -> list[LoadEntry]:
    """Replays in force of a load's rejects, and replays of theirs."""
    cursor = await conn.execute(
        "WITH RECURSIVE replay AS (SELECT * FROM load_ledger WHERE replay_of = %s UNION ALL"
        " SELECT l.* FROM load_ledger l JOIN replay r ON l.replay_of = r.load_id)"
        f" SELECT * FROM replay WHERE {IN_FORCE} ORDER BY version",
        (load_id,),
    )
    return [entry_from_row(row) for row in await cursor.fetchall()]


async def supersede(conn: AsyncConnection[DictRow], loads: Sequence[LoadEntry], by: str) -> None:
    """Write down that a load replaced the rows of others."""
    if not loads:
        return
    await conn.execute(
        "UPDATE load_ledger SET superseded_by = %s WHERE load_id = ANY(%s)", (by, [load.load_id for load in loads])
    )


async def superseded_by(conn: AsyncConnection[DictRow], load_id: str) -> list[LoadEntry]:
    """The loads whose rows a load replaced."""
    cursor = await conn.execute("SELECT * FROM load_ledger WHERE superseded_by = %s ORDER BY version", (load_id,))
    return [entry_from_row(row) for row in await cursor.fetchall()]


async def release(conn: AsyncConnection[DictRow], load_id: str) -> None:
    """Write down that the loads which a load replaced are in force again."""
    await conn.execute("UPDATE load_ledger SET superseded_by = NULL WHERE superseded_by = %s", (load_id,))


async def mark(
    conn: AsyncConnection[DictRow], loads: Sequence[LoadEntry], what: Literal["reverted_at", "removed_at"]
) -> None:
    """Write down that loads were taken back, or their rows removed."""
    await conn.execute(
        f"UPDATE load_ledger SET {what} = clock_timestamp() WHERE load_id = ANY(%s)",
        ([load.load_id for load in loads],),
    )


async def loads_of_file(conn: AsyncConnection[DictRow], env_id: str, file_id: str) -> list[LoadEntry]:
    """A file's loads whose rows are in a table, or would come back if the load that replaced them were reverted."""
    cursor = await conn.execute(
        "SELECT * FROM load_ledger WHERE env_id = %s AND file_id = %s AND reverted_at IS NULL AND removed_at IS NULL"
        " ORDER BY phys_id, version",
        (env_id, file_id),
    )
    return [entry_from_row(row) for row in await cursor.fetchall()]


def entry_from_row(row: DictRow) -> LoadEntry:
    """A load from its row in the ledger."""
    return LoadEntry(**(row | {"undo": Undo.from_json(row["undo"])}))
