"""Whether this process shares its blob storage with the others: each must read the marker that the first one wrote."""

import secrets

from stepmill.errors import NotFoundError
from stepmill.gateways.blobs import Blobs
from stepmill.gateways.sql import Database

MARKER_PATH = "installation-marker"

_CREATE = "INSERT INTO installation (marker) VALUES (%s) ON CONFLICT DO NOTHING"
_READ = "SELECT marker FROM installation"


async def storage_fault(database: Database, blobs: Blobs) -> str | None:
    """None when blob storage is the installation's; otherwise a sentence that says what is wrong."""
    async with database.autocommit() as conn:
        row = await (await conn.execute(_READ)).fetchone()
        if row is None:
            # The blob first: another process that sees the row must find the blob.
            marker = secrets.token_hex(16)
            await blobs.put(f"{MARKER_PATH}/{marker}", marker.encode())
            await conn.execute(_CREATE, (marker,))
            row = await (await conn.execute(_READ)).fetchone()
    assert row is not None
    try:
        found = await blobs.get(f"{MARKER_PATH}/{row['marker']}")
    except (NotFoundError, OSError):
        found = b""
    if found.decode("utf-8", "replace") == row["marker"]:
        return None
    return (
        "The blob storage of this process is not the one that the other processes of this installation use. "
        "Set STEPMILL_BLOB_URL to the same shared storage everywhere."
    )
