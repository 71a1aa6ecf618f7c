"""What is loaded, and under which rules; and whether another load makes it needless."""

from dataclasses import dataclass
from datetime import timedelta

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.warehouse.ledger import LoadEntry, Mode, find_making_needless
from stepmill.warehouse.tables import Key


@dataclass(frozen=True)
class Load:
    """What is loaded, and under which rules."""

    job_id: str
    attempt: int
    mode: Mode
    key: Key | None
    time_column: str | None = None
    file_id: str | None = None
    file_name: str | None = None
    replay_of: str | None = None
    allow_small: bool = False
    least_share: float = 0.5
    keep_undo: timedelta = timedelta(days=7)

    @property
    def displacing(self) -> Key | None:
        """The key by which earlier rows give way to the load's. Those of a replay join what was loaded before them."""
        key = self.key
        if key is None or not (key.unique or (key.is_partition and self.replay_of is None)):
            return None
        return key


async def find_instead(conn: AsyncConnection[DictRow], phys_id: str, load: Load) -> LoadEntry | None:
    """The load that is shown already and makes this one needless, if there is one."""
    if load.replay_of is not None:
        return None
    return await find_making_needless(
        conn, phys_id, mode=load.mode, job_id=load.job_id, file_id=load.file_id, file_name=load.file_name
    )
