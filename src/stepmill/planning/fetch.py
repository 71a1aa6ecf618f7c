"""Fetch a file that was found in a place into the storage, whole or not at all, before a job reads it."""

from collections.abc import AsyncIterator
from typing import Any

from stepmill.engine import StepContext
from stepmill.errors import DataError
from stepmill.gateways.places import Places
from stepmill.planning.sniff import sniff
from stepmill.store import files
from stepmill.store.files import File, Origin


async def fetched(ctx: StepContext[Any], file: File) -> File:
    """The file with its bytes in the storage. Safe to repeat: what is there is not fetched again.

    Raises DataError ``place_file_changed`` and ``place_file_gone``: the state that was found is no more.
    """
    if file.is_here or file.origin is None:
        return file
    places, origin = Places(ctx.settings.places), file.origin
    await _refuse_changed(places, origin)
    stored = await ctx.gateways.blobs.put_stream(file.blob_path, _told(ctx, places, origin, file.bytes))
    await _refuse_changed(places, origin)
    return await files.record_fetched(
        ctx.gateways.documents,
        ctx.tenant_id,
        ctx.env_id,
        file.file_id,
        size=stored.bytes,
        sha256=stored.sha256,
        format_name=await sniff(ctx.gateways.blobs.location(file.blob_path), file.name),
    )


async def _refuse_changed(places: Places, origin: Origin) -> None:
    """What is read while it changes is neither the one nor the other."""
    if (await places.look(origin.url, origin.path)).mark != origin.mark:
        raise DataError(
            "place_file_changed",
            f"The file {origin.path!r} was changed since it was found. Scan again: that loads it as it is now.",
        )


async def _told(ctx: StepContext[Any], places: Places, origin: Origin, size: int) -> AsyncIterator[bytes]:
    done = 0
    async for block in places.read(origin.url, origin.path):
        yield block
        done += len(block)
        ctx.progress(done, size or None, "bytes", "Fetching the file")
