"""The composition root: settings in; gateways, engine, api and worker out. Nothing else builds anything."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import psycopg
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, start_http_server

import stepmill.jobs
from stepmill.api.application import create_api
from stepmill.api.parts import ApiParts
from stepmill.api.preview_pool import PreviewPool
from stepmill.auth import Authenticator, Principal, new_secret
from stepmill.engine.artifacts import UnfinishedBlobs, remove_spent_artifacts
from stepmill.engine.compute import ComputePool
from stepmill.engine.engine import Engine
from stepmill.engine.housekeeping import Housekeeper
from stepmill.engine.hub import EventHub
from stepmill.engine.metrics import EngineMetrics
from stepmill.engine.notify import Notifier
from stepmill.engine.queue_figures import QueueFigures
from stepmill.engine.registry import Registry, find_job_types
from stepmill.engine.retention import Retention
from stepmill.engine.sweep import Sweeper
from stepmill.engine.worker import Worker
from stepmill.errors import ConfigurationError, UnavailableError
from stepmill.gateways import Gateways
from stepmill.gateways.blobs import Blobs
from stepmill.gateways.documents.postgres import PostgresDocuments
from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.pool_metrics import PoolCollector
from stepmill.gateways.tracing import recording
from stepmill.settings import Settings
from stepmill.store import environments, installation
from stepmill.warehouse.cleanup import drop_leftovers
from stepmill.warehouse.reject_upkeep import remove_spent_rejects
from stepmill.warehouse.schemas import ensure_environment

WARM_MODULES = ("stepmill.planning.examine", "stepmill.etl.fill", "stepmill.etl.encode")
"""What a computing process imports before its first call."""

_CONNECTIONS = 10
_OTHER_CONNECTIONS = 4


@dataclass(frozen=True)
class Platform:
    """What api and worker stand on."""

    settings: Settings
    gateways: Gateways
    engine: Engine
    storage_fault: str | None
    metrics: CollectorRegistry


@asynccontextmanager
async def open_platform(
    settings: Settings, database_url: str, *, name: Literal["api", "worker"]
) -> AsyncIterator[Platform]:
    """Connect the gateways and build the engine on them. `name` tells processes apart in `pg_stat_activity`."""
    application_name = f"stepmill:{name}"
    # As many jobs as a worker runs at once may each hold a transaction for as long as they like.
    connections = _CONNECTIONS if name == "api" else max(_CONNECTIONS, settings.worker_concurrency + _OTHER_CONNECTIONS)
    async with (
        recording(f"stepmill-{name}") as traced,
        # A worker has limits of its own for a tenant's jobs; an api takes on whatever is asked of it.
        Database(
            database_url, application_name=application_name, max_size=connections, traced=traced, shared=name == "api"
        ) as database,
    ):
        metrics = build_metrics(database)
        blobs = build_blobs(settings)
        gateways = Gateways(database, PostgresDocuments(database), blobs)
        registry = Registry(find_job_types(stepmill.jobs))
        engine = Engine(database, registry, Notifier(database), settings, EngineMetrics(metrics))
        engine.notifier.start()
        try:
            yield Platform(settings, gateways, engine, await installation.storage_fault(database, blobs), metrics)
        finally:
            await engine.notifier.stop()


def build_metrics(database: Database) -> CollectorRegistry:
    """The process's metrics: at first its memory, processor and connections. Whoever else counts adds its own."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series of each, saying since when
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(PoolCollector(database))
    return registry


@asynccontextmanager
async def serve_metrics(platform: Platform) -> AsyncIterator[None]:
    """Serve a worker's metrics while the block runs, on a thread of their own, if a port is set for them."""
    host, port = platform.settings.metrics_host, platform.settings.metrics_port
    if not port:
        yield
        return
    try:
        server, _ = start_http_server(port, host, platform.metrics)
    except OSError as error:
        raise ConfigurationError(
            "metrics_not_served",
            f"The worker can't serve its metrics on {host}, port {port}: {error.strerror or error}. Set "
            "STEPMILL_METRICS_PORT to a port that is free, for each worker of a machine another one, or to 0 for none.",
        ) from error
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


def build_blobs(settings: Settings) -> Blobs:
    """Where files and artifacts are kept."""
    return Blobs(settings.blob_url or settings.data_dir / "blobs")


@asynccontextmanager
async def open_api(platform: Platform, authenticator: Authenticator) -> AsyncIterator[FastAPI]:
    """The api as an ASGI application. It sweeps where no worker would: the only one may be frozen."""
    settings = platform.settings
    hub = EventHub(platform.engine)
    queue = QueueFigures(platform.engine)
    platform.metrics.register(queue)
    await hub.start()
    sweep = asyncio.create_task(Sweeper(platform.engine, only_stands_in=True).run(), name="stepmill sweep")
    try:
        yield create_api(
            ApiParts(
                engine=platform.engine,
                hub=hub,
                gateways=platform.gateways,
                authenticator=authenticator,
                preview_pool=PreviewPool(memory_bytes=settings.compute_memory_bytes),
                not_ready=_readiness(platform),
                metrics=platform.metrics,
                before_scrape=queue.refresh,
            )
        )
    finally:
        sweep.cancel()
        with suppress(asyncio.CancelledError):
            await sweep
        await hub.stop()


def build_worker(platform: Platform, worker_id: str) -> Worker:
    """A worker, ready to run. Raises ConfigurationError when it would not find what the api stores."""
    if platform.storage_fault is not None:
        raise ConfigurationError("storage_not_shared", platform.storage_fault)
    settings, engine = platform.settings, platform.engine
    pool = ComputePool(
        keep=1,
        memory_bytes=settings.compute_memory_bytes,
        at_once=settings.compute_concurrency,
        warm_modules=WARM_MODULES,
    )

    blobs, sql = platform.gateways.blobs, platform.gateways.sql
    reject_days = max(settings.job_days, settings.undo_days) if settings.job_days else 0
    housekeeper = Housekeeper(
        engine,
        [
            Retention(engine).prune,
            partial(remove_spent_artifacts, engine, blobs),
            UnfinishedBlobs(blobs).remove,
            partial(drop_leftovers, sql),
            partial(remove_spent_rejects, sql, kept_days=reject_days, most_bytes=settings.reject_bytes),
        ],
    )
    duties = (Sweeper(engine).run, housekeeper.run)
    return Worker(engine, platform.gateways, pool, duties, worker_id=worker_id)


def build_authenticator(settings: Settings, *, token: str | None, session_secret: str | None) -> Authenticator:
    """Who may call. The local user is there where a local token or a session can prove them."""
    local_user = Principal(settings.tenant, "local", frozenset({"administrator"}))
    return Authenticator(
        service_secret=settings.service_secret.get_secret_value() if settings.service_secret else None,
        local_token=token,
        session_secret=session_secret,
        local_user=local_user if token or session_secret else None,
    )


def session_secret(data_dir: Path) -> str:
    """The secret of browser sessions, kept in the data folder so that they outlive a restart."""
    path = data_dir / "session-secret"
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_secret())
        draft.rename(path)
    return path.read_text()


async def ensure_default_environment(platform: Platform) -> None:
    """Make the environment that a fresh installation starts with."""
    settings, database = platform.settings, platform.gateways.sql
    environment = await environments.ensure(database, settings.tenant, settings.environment)
    async with await database.connect(application_name="stepmill:setup", role=None) as conn:
        await ensure_environment(conn, environment.schema_name)


def _readiness(platform: Platform) -> Callable[[], Awaitable[Sequence[str]]]:
    database, blobs = platform.gateways.sql, platform.gateways.blobs
    storage_fault = platform.storage_fault

    async def not_ready() -> Sequence[str]:
        nonlocal storage_fault
        try:
            async with database.autocommit() as conn:
                await conn.execute("SELECT 1")
            if storage_fault is not None:  # it may have been mounted meanwhile
                storage_fault = await installation.storage_fault(database, blobs)
        except (psycopg.Error, UnavailableError, OSError):
            return ["The database does not answer."]
        return [] if storage_fault is None else [storage_fault]

    return not_ready
