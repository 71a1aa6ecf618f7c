"""Take a worker's tickets from the queue by Procrastinate's loop, over and over while the database comes and goes."""

import asyncio
import logging
from collections.abc import Sequence, Set
from contextlib import suppress
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate import JobContext
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from stepmill.engine.backends import tickets_name
from stepmill.engine.engine import Engine
from stepmill.engine.queue import TicketConnector, TicketQueue, TicketWorker
from stepmill.engine.run_job import JobRunner
from stepmill.engine.states import TERMINAL
from stepmill.engine.traces import trace_of

TASK_NAME = "stepmill.run"

_TICKET_POLL_SECONDS = 1.0
_GIVE_BACK_SECONDS = 5.0
_RECONNECT_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class TicketTaker:
    """Has a :class:`JobRunner` run the jobs of the tickets that it takes. ``type_limits`` is what claims are told."""

    def __init__(
        self, engine: Engine, runner: JobRunner, *, worker_id: str, types: Sequence[str], type_limits: str
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._worker_id = worker_id
        self._types = types
        self._type_limits = type_limits
        self._stopped = False
        self._loop: Any = None
        self._queue: TicketQueue | None = None
        self._giving_back = asyncio.Lock()
        # Procrastinate says each ticket's start and end at INFO; the job's own events say more.
        logging.getLogger("procrastinate").setLevel(logging.ERROR)

    def stop(self) -> None:
        """Take no more, and return from :meth:`run` when the running jobs have ended."""
        self._stopped = True
        if self._queue is not None:
            self._queue.stop()
        if self._loop is not None:
            self._loop.stop()

    @property
    def held(self) -> Set[tuple[str, int]]:
        """Attempts that have begun with their claim, and do not run yet."""
        return self._queue.held if self._queue is not None else frozenset()

    @property
    def is_unsure(self) -> bool:
        """Whether a claim's answer was lost, so that attempts may have begun of which nothing here knows."""
        return self._queue is not None and self._queue.is_unsure

    async def run(self) -> None:
        """Take tickets until :meth:`stop`."""
        while not self._stopped:
            await self._take()

    async def give_back_unused(self) -> None:
        """Send back what was claimed before the stop. With the database away, it is rescued as of the dead."""
        if self._queue is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_GIVE_BACK_SECONDS), self._giving_back:
                for ticket_id, begun in self._queue.unused():
                    if begun is None:
                        await self._queue.give_back(ticket_id)
                    else:
                        await self._runner.give_back(begun.key, "shutdown")
                        await self._queue.remove(ticket_id)  # the job has a new one

    async def _take(self) -> None:
        """Run Procrastinate's loop until it ends; it ends itself when the database goes away."""
        connector = TicketConnector(
            pool_factory=_unchecked_pool,
            conninfo=self._engine.database.url,
            min_size=1,
            max_size=2,
            num_workers=1,
            kwargs={"application_name": tickets_name(self._worker_id)},
            configure=self._as_engine,
        )
        app = procrastinate.App(connector=connector)
        self._queue = app.job_manager = queue = self._queue_on(connector)

        async def run_ticket(context: JobContext, /, **ticket: str) -> None:
            try:
                if await self._runner.run(ticket["jobId"], queue.begun(context.job.id), queue) in TERMINAL:
                    queue.is_gone(context.job.id)
            except Exception as error:  # noqa: BLE001  (Procrastinate would log its text; a sweep makes another ticket)
                _log.error("ticket_failed", job_id=ticket["jobId"], traceback=trace_of(error))

        app.task(name=TASK_NAME, pass_context=True)(run_ticket)
        try:
            async with app.open_async():
                self._loop = self._loop_on(app, queue)
                try:
                    if not self._stopped:
                        await self._loop.run()
                finally:  # also what ends of jobs have claimed for a loop that broke, which asks for no more
                    queue.stop()
                    await self.give_back_unused()
        except (psycopg.Error, procrastinate.exceptions.ConnectorException, OSError) as error:
            _log.warning("queue_lost", error=type(error).__name__)
        if not self._stopped:
            await asyncio.sleep(_RECONNECT_SECONDS)

    def _queue_on(self, connector: TicketConnector) -> TicketQueue:
        settings = self._engine.settings
        # One commit less for each job. Limits of tenants are looked at by each beginning alone.
        begins_for = None if settings.tenant_limits else self._worker_id
        # Claims of limited types wait for one another, which the end of a job need not.
        claims_ahead = not self._type_limits
        return TicketQueue(
            connector, self._engine.metrics, settings.worker_concurrency, begins_for, claims_ahead=claims_ahead
        )

    def _loop_on(self, app: procrastinate.App, queue: TicketQueue) -> TicketWorker:
        settings = self._engine.settings
        return TicketWorker(
            app,
            queue,
            queues=self._types,
            name=self._worker_id,
            concurrency=settings.worker_concurrency,
            fetch_job_polling_interval=_TICKET_POLL_SECONDS,
            abort_job_polling_interval=3600.0,
            delete_jobs="always",
            install_signal_handlers=False,
            update_heartbeat_interval=settings.heartbeat_seconds,
            stalled_worker_timeout=settings.dead_after_seconds,
        )

    async def _as_engine(self, conn: AsyncConnection[Any]) -> None:
        await conn.set_autocommit(True)
        await conn.execute("SET ROLE stepmill_engine")
        # A crash of the server may lose the last claims, which are then made again; a job's beginning is not lost.
        await conn.execute("SET synchronous_commit = off")
        # A claim whose answer nobody takes holds its jobs, and all claims of limited types.
        await conn.execute("SET tcp_user_timeout = '25s'")
        await conn.execute("SELECT set_config('stepmill.type_limits', %s, false)", (self._type_limits,))


def _unchecked_pool(*, check: object, **options: Any) -> AsyncConnectionPool[Any]:
    """A pool without a round trip before each statement: a dead connection's error ends the loop, which begins anew."""
    return AsyncConnectionPool(**options)
