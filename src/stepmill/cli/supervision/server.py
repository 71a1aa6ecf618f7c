"""`stepmill serve`: one process tree with everything in it.

This process has the api and supervises the rest: the embedded PostgreSQL and a worker. Whatever dies, and a worker that
freezes, is started again; when this process ends, however it does, so do they.
"""

import asyncio
import gc
import os
import secrets
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from fastapi import FastAPI

from stepmill.app import (
    Platform,
    build_authenticator,
    ensure_default_environment,
    open_api,
    open_platform,
    session_secret,
)
from stepmill.cli.instance import Instance, Note
from stepmill.cli.supervision.database import own_database
from stepmill.cli.supervision.http import HttpServer
from stepmill.cli.supervision.listening import listen, url_of
from stepmill.cli.supervision.signals import StopSignals
from stepmill.cli.supervision.silence import worker_fell_silent
from stepmill.cli.supervision.worker_process import WorkerProcess
from stepmill.engine.migrate import migrate
from stepmill.engine.rescue import declare_dead, rescue_dead
from stepmill.gateways.sql.addresses import read_address
from stepmill.settings import Settings

_GC_THRESHOLDS = (10_000, 20, 50)

KILL_AFTER_SECONDS = 5.0
"""What a worker has, beyond its own grace, to hand its jobs back before it is killed."""

Announce = Callable[[Note, str], None]
"""Told the note and the link that signs a browser in."""

_log = structlog.get_logger(__name__)


async def serve(settings: Settings, announce: Announce) -> None:
    """Run everything until SIGTERM or SIGINT, and end it in order: worker, api, database."""
    _check_secrets(settings)
    signals = StopSignals()
    async with AsyncExitStack() as stack:
        instance = Instance.claim(settings.data_dir)
        stack.callback(instance.release)
        listener = stack.enter_context(listen(settings.host, settings.port))
        database_url = await stack.enter_async_context(own_database(settings))
        for name in await migrate(database_url):
            _log.info("migrated", migration=name)
        platform = await stack.enter_async_context(open_platform(settings, database_url, name="api"))
        await ensure_default_environment(platform)
        note = Note(os.getpid(), url_of(listener), _token(settings))
        authenticator = build_authenticator(
            settings, token=note.token, session_secret=session_secret(settings.data_dir)
        )
        app = await stack.enter_async_context(open_api(platform, authenticator))
        await stack.enter_async_context(serving(app, listener, signals))
        await stack.enter_async_context(_working(platform, database_url))
        instance.publish(note)
        announce(note, f"{note.url}/login?code={authenticator.issue_login_code()}")
        await signals.asked.wait()


@asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket, signals: StopSignals) -> AsyncIterator[None]:
    """Answer requests while the block runs. Should the server end by itself, that is a signal to stop."""
    server = HttpServer(app)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="stepmill http")
    task.add_done_callback(lambda _: signals.asked.set())
    task.add_done_callback(lambda _: server.taking_requests.set())
    try:
        await server.taking_requests.wait()
        # What is there by now stays: the collector need not look at it again. And with thousands of streams a look at
        # everything takes half a second, for which all of them wait: so it is to come seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        yield
    finally:
        server.end()
        await task


@asynccontextmanager
async def _working(platform: Platform, database_url: str) -> AsyncIterator[None]:
    """Keep a worker running while the block runs."""
    settings = platform.settings
    environment = {**os.environ, "STEPMILL_DATABASE_URL": database_url, "STEPMILL_DATA_DIR": str(settings.data_dir)}

    async def rescue(worker_id: str) -> None:
        """Send a dead worker's jobs back at once instead of after its silence."""
        await declare_dead(platform.engine, worker_id)
        async with platform.engine.database.autocommit() as conn:
            await rescue_dead(platform.engine, conn)

    async def fell_silent(worker_id: str) -> None:
        await worker_fell_silent(platform.engine, worker_id)

    name = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    worker = WorkerProcess(name, environment, on_death=rescue, fell_silent=fell_silent)
    keeper = asyncio.create_task(worker.keep_running(), name="stepmill worker keeper")
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        await worker.stop(settings.shutdown_grace_seconds + KILL_AFTER_SECONDS)


def _check_secrets(settings: Settings) -> None:
    """Refuse what could only fail later, before a folder is made or a database is touched."""
    build_authenticator(settings, token=None, session_secret=None)
    if settings.database_url is not None:
        read_address(settings.database_url.get_secret_value())


def _token(settings: Settings) -> str:
    """The local token: the one that is set, or one for this run, which commands on this machine find in the note."""
    return settings.token.get_secret_value() if settings.token else secrets.token_urlsafe(32)
