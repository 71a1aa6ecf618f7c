"""The queue as a worker uses it: with the time that a claim takes, and without removing what is gone already."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import psycopg
import structlog
from procrastinate import PsycopgConnector
from procrastinate.connector import BaseConnector, Notify
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.worker import Worker
from psycopg import AsyncConnection
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from stepmill.engine.metrics import EngineMetrics

_RECONNECT_SECONDS = 0.5
_CLAIM = """
SELECT (ticket).id, (ticket).queue_name, (ticket).priority, (ticket).task_name, (ticket).args, (ticket).scheduled_at,
    (ticket).attempts, (ticket).worker_id, begun
FROM claim_v1(%s, %s, %s)
"""
_REMOVE = "DELETE FROM procrastinate_jobs WHERE id = %(id)s"

_log = structlog.get_logger(__name__)


class TicketQueue(JobManager):
    """Procrastinate's queue. A job that ends takes its ticket along, in the commit of its end.

    One that has no lock begins with the claim of its ticket, for the worker that ``begins_for`` names. While it names
    none, jobs begin after their claims.
    """

    def __init__(self, connector: BaseConnector, metrics: EngineMetrics, begins_for: Callable[[], str | None]) -> None:
        super().__init__(connector)
        self._metrics = metrics
        self._begins_for = begins_for
        self._was_refused = False
        self._begun: dict[int, dict[str, Any]] = {}
        self._gone: set[int] = set()

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take the next ticket."""
        began = time.perf_counter()
        try:
            row = await self._claim(queues, worker_id)
        except (psycopg.Error, OSError) as error:
            # Procrastinate would take no more until all running jobs have ended. It comes again in a moment.
            # If it was a job that can't begin, the ticket alone is taken then, so that it keeps no other from its turn.
            self._was_refused = True
            _log.warning("ticket_not_taken", error=type(error).__name__)
            return None
        self._was_refused = False
        if row is None or row[0] is None:
            return None
        self._metrics.claim.labels(row[1]).observe(time.perf_counter() - began)
        *ticket, begun = row
        if begun is not None:
            self._begun[row[0]] = begun
        return _ticket(ticket)

    def begun(self, ticket_id: int | None) -> dict[str, Any] | None:
        """What ``begin_attempt_v1`` answered for the ticket's job, if it was called with the claim. Asked for once."""
        return None if ticket_id is None else self._begun.pop(ticket_id, None)

    async def _claim(self, queues: Iterable[str] | None, worker_id: int) -> tuple[Any, ...] | None:
        """By the connection itself: for each claim the connector would make a transaction and name its arguments."""
        pool = self._pool_of_tickets()
        conn = await pool.getconn()
        try:
            cursor = conn.cursor(row_factory=tuple_row)
            types = None if queues is None else list(queues)
            await cursor.execute(_CLAIM, (types, worker_id, None if self._was_refused else self._begins_for()))
            return await cursor.fetchone()
        finally:
            await pool.putconn(conn)

    def _pool_of_tickets(self) -> AsyncConnectionPool[AsyncConnection[Any]]:
        assert isinstance(self.connector, PsycopgConnector)
        return self.connector.pool

    async def update_heartbeat(self, worker_id: int) -> None:
        """Say that the worker lives. If that fails, the next time comes soon enough."""
        try:
            await super().update_heartbeat(worker_id)
        except ConnectorException as error:
            _log.warning("ticket_beat_lost", error=type(error.__cause__ or error).__name__)

    def is_gone(self, ticket_id: int | None) -> None:
        """Say that the end of a job took this ticket along."""
        if ticket_id is not None:
            self._gone.add(ticket_id)

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Remove the ticket, if it is still there. What became of the job is in its own record.

        If that fails, a sweep removes it: nobody runs its job any more.
        """
        assert job.id is not None
        if job.id in self._gone:
            self._gone.discard(job.id)
            return
        try:
            await self.connector.execute_query_async(_REMOVE, id=job.id)
        except ConnectorException as error:
            _log.warning("ticket_not_removed", ticket=job.id, error=type(error.__cause__ or error).__name__)


def _ticket(row: Sequence[Any]) -> Job:
    number, queue, priority, task, arguments, scheduled_at, attempts, worker = row
    return Job(
        id=number,
        status=Status.DOING.value,
        queue=queue,
        priority=priority,
        lock=None,
        queueing_lock=None,
        task_name=task,
        task_kwargs=arguments,
        scheduled_at=scheduled_at,
        attempts=attempts,
        worker_id=worker,
    )


class TicketConnector(PsycopgConnector):
    """Procrastinate's connections. One that listens and is lost is made anew."""

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Tell of new tickets, for ever. Between two connections, the worker's looks at the queue find them."""
        channels = list(channels)
        while True:
            try:
                await super().listen_notify(on_notification, channels)
            except (ConnectorException, OSError) as error:
                # Procrastinate would take no more until all running jobs have ended.
                _log.warning("ticket_listener_lost", error=type(error.__cause__ or error).__name__)
                await asyncio.sleep(_RECONNECT_SECONDS)


class TicketWorker(Worker):
    """Procrastinate's worker, of whose own lines none below an error is shown: so nothing is gathered for them."""

    def _log_extra(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {}
