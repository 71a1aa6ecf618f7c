"""The database of a process: the one that is named, the embedded one that runs, or an embedded one that is started."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from stepmill.errors import ConfigurationError, StepmillError
from stepmill.gateways.sql.embedded import EmbeddedPostgres, running_url
from stepmill.settings import Settings

LOOK_SECONDS = 0.5
RETRY_SECONDS = 5.0

_log = structlog.get_logger(__name__)


def embedded_folder(settings: Settings) -> Path:
    """Where the embedded database is kept."""
    return settings.data_dir / "postgres"


def known_url(settings: Settings) -> str | None:
    """The named database, or the embedded one that another process runs."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return running_url(embedded_folder(settings))


def require_url(settings: Settings) -> str:
    """The same, or :class:`ConfigurationError` that says what to do."""
    url = known_url(settings)
    if url is None:
        raise ConfigurationError(
            "no_database",
            f"No database is named and none runs on {settings.data_dir}. Set STEPMILL_DATABASE_URL, or run everything "
            "with `stepmill serve`.",
        )
    return url


@asynccontextmanager
async def own_database(settings: Settings) -> AsyncIterator[str]:
    """The named database, or an embedded one for as long as the block runs, started again if it dies."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    postgres = EmbeddedPostgres(embedded_folder(settings))
    url = await asyncio.to_thread(postgres.start)
    guard = asyncio.create_task(_keep_running(postgres), name="stepmill postgres guard")
    try:
        yield url
    finally:
        guard.cancel()
        with suppress(asyncio.CancelledError):
            await guard
        await asyncio.to_thread(postgres.stop)


async def _keep_running(postgres: EmbeddedPostgres) -> None:
    """Start it again whenever it dies. Where that fails (a full disk), try again; meanwhile the api is not ready."""
    while True:
        try:
            await postgres.supervise(every=LOOK_SECONDS)
        except (StepmillError, OSError) as error:
            _log.error("postgres_not_restarted", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)


@asynccontextmanager
async def any_database(settings: Settings) -> AsyncIterator[str]:
    """The database that is there, else an embedded one for as long as the block runs."""
    url = known_url(settings)
    if url is not None:
        yield url
        return
    async with own_database(settings) as url:
        yield url
