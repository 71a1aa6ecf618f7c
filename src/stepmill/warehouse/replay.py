"""Which rejects can be loaded again, and as what job."""

from typing import Any

from stepmill.errors import ConflictError
from stepmill.gateways.sql.database import Database
from stepmill.warehouse.publish import refuse_superseded
from stepmill.warehouse.tables import get_table


async def replay_params(database: Database, tenant_id: str, env_id: str, load_id: str) -> dict[str, Any]:
    """Params of the FILE_ETL job that loads a load's rejects by the plan now in force.

    Raises :class:`ConflictError` ``superseded`` if the load is no longer in force or was replayed before,
    ``nothing_to_replay`` if it rejected nothing, ``rejects_gone`` if they are no longer kept.
    """
    async with database.transaction("stepmill_loader", tenant=tenant_id) as conn:
        load = await refuse_superseded(conn, env_id, load_id)
        table = await get_table(conn, env_id, load.phys_id)
    if load.rows_rejected == 0:
        raise ConflictError("nothing_to_replay", f"The load {load_id} rejected no rows.")
    return {"envId": env_id, "areaId": table.owner.id, "fileId": load.file_id, "replayOf": load_id}
