"""A process with other blob storage than the rest is found out."""

from pathlib import Path

from stepmill.gateways.blobs import Blobs
from stepmill.gateways.sql.database import Database
from stepmill.store.installation import storage_fault


async def test_the_first_process_marks_the_storage_and_others_must_see_it(database: Database, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    assert await storage_fault(database, Blobs(shared)) is None
    assert await storage_fault(database, Blobs(shared)) is None
    fault = await storage_fault(database, Blobs(tmp_path / "other"))
    assert fault is not None
    assert "STEPMILL_BLOB_URL" in fault
