"""The queue as a worker uses it: with the time that a claim takes, and without removing what is gone already."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Any

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.connector import BaseConnector, Notify
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager, NotificationCallback, get_channel_for_queues
from procrastinate.worker import Worker
from psycopg import AsyncConnection
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from stepmill.engine.claim_ahead import TICKET_FIELDS, Begun, Wanted
from stepmill.engine.metrics import EngineMetrics

_RECONNECT_SECONDS = 0.5
_UNSURE_SECONDS = 10.0
_AT_ONCE = 10
"""Of many the first would wait long for the last to begin."""
_CLAIM = f"SELECT {TICKET_FIELDS}, begun FROM claim_v1(%s, %s, %s, %s)"
_GIVE_BACK = """
UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL WHERE id = %(id)s AND status = 'doing'
"""
_REMOVE = "DELETE FROM procrastinate_jobs WHERE id = %(id)s"

_log = structlog.get_logger(__name__)


class TicketQueue(JobManager):
    """Procrastinate's queue. A job that ends takes its ticket along, in the commit of its end.

    As many tickets are claimed at once as there are places in the worker, which has ``concurrency`` of them: one by one
    they would come slower than small jobs end. Jobs that have no lock begin with the claim, for the worker that
    ``begins_for`` is; if that is None, all begin after it. If ``claims_ahead``, a job that ends takes the ticket of the
    next with it, which saves a commit.
    """

    def __init__(
        self,
        connector: BaseConnector,
        metrics: EngineMetrics,
        concurrency: int,
        begins_for: str | None,
        *,
        claims_ahead: bool = False,
    ) -> None:
        super().__init__(connector)
        self._metrics = metrics
        self._concurrency = concurrency
        self._begins_for = begins_for
        self._claims_ahead = claims_ahead and begins_for is not None
        self._asked: tuple[list[str] | None, int] | None = None
        self._has_more = False
        self._claimed: deque[Job] = deque()
        self._handed_out: set[int] = set()
        self._begun: dict[int, Begun] = {}
        self._gone: set[int] = set()
        self._unsure_until = 0.0
        self.wake: Callable[[], None] = lambda: None

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """The next ticket, of those that were claimed before if there are any."""
        if not self._claimed:
            await self._claim_some(queues, worker_id)
        if not self._claimed:
            return None
        job = self._claimed.popleft()
        assert job.id is not None
        self._handed_out.add(job.id)
        return job

    def unused(self) -> Iterator[tuple[int, Begun | None]]:
        """Tickets that were claimed and not asked for, each with what ``begun`` says: of a worker that was stopped."""
        while self._claimed:
            number = self._claimed.popleft().id
            assert number is not None
            yield number, self._begun.pop(number, None)

    async def give_back(self, ticket_id: int) -> None:
        """Another worker may take the ticket. If this fails, a sweep makes another one."""
        try:
            await self.connector.execute_query_async(_GIVE_BACK, id=ticket_id)
        except ConnectorException as error:
            _log.warning("ticket_not_given_back", ticket=ticket_id, error=type(error.__cause__ or error).__name__)

    def begun(self, ticket_id: int | None) -> Begun | None:
        """What ``begin_attempt_v1`` answered for the ticket's job, if it was called with the claim."""
        return None if ticket_id is None else self._begun.get(ticket_id)

    @property
    def held(self) -> Set[tuple[str, int]]:
        """The attempts that were begun with a claim and whose tickets are still here, whether they run yet or not."""
        return {begun.key for begun in self._begun.values()}

    async def _claim_some(self, queues: Iterable[str] | None, worker_id: int) -> None:
        began = time.perf_counter()
        self._asked = types, number = None if queues is None else list(queues), worker_id
        most = min(max(1, self._concurrency - len(self._handed_out)), _AT_ONCE)
        # If a job can't begin, only tickets are taken, so that it keeps no other from its turn.
        for begins_for in dict.fromkeys((self._begins_for, None)):
            asked = time.monotonic()
            try:
                rows = await self._claim(types, number, most, begins_for)
                break
            except (psycopg.Error, OSError) as error:
                self.unsure()
                _log.warning("ticket_not_taken", error=type(error).__name__)
        else:  # Procrastinate would take no more until all running jobs have ended. It comes again in a moment.
            self._has_more = False
            return
        self._has_more = len(rows) == most
        seconds = (time.perf_counter() - began) / max(1, len(rows))
        for *ticket, begun in rows:
            self._metrics.claim.labels(ticket[1]).observe(seconds)
            self._keep(ticket, begun, asked)

    def _keep(self, ticket: Sequence[Any], begun: dict[str, Any] | None, asked: float) -> None:
        if begun is not None:
            self._begun[ticket[0]] = Begun(begun, asked)
        self._claimed.append(_ticket(ticket))

    def wanted(self) -> Wanted | None:
        """What to claim for the place that a job is about to leave, if more was there when it was last looked."""
        if not self._claims_ahead or not self._has_more or self._asked is None or self._begins_for is None:
            return None
        return Wanted(*self._asked, self._begins_for)

    def take_in(self, ticket: tuple[Any, ...] | None, begun: dict[str, Any] | None, asked: float) -> None:
        """The ticket that was claimed for it."""
        if ticket is None:
            self._has_more = False
        else:
            self._keep(ticket, begun, asked)
            self.wake()  # a look that found nothing else may have been made meanwhile

    def refused(self) -> None:
        """The next claim is made by itself."""
        self._has_more = False

    def unsure(self) -> None:
        """Attempts that are not :attr:`held` are looked for, for a while."""
        self._has_more = False
        self._unsure_until = time.monotonic() + _UNSURE_SECONDS

    @property
    def is_unsure(self) -> bool:
        """Whether an answer was lost lately."""
        return time.monotonic() < self._unsure_until

    def stop(self) -> None:
        """Claim nothing ahead any more."""
        self._claims_ahead = False

    async def _claim(
        self, types: list[str] | None, number: int, most: int, begins_for: str | None
    ) -> list[tuple[Any, ...]]:
        """By the connection itself: for each claim the connector would make a transaction and name its arguments."""
        pool = self._pool_of_tickets()
        conn = await pool.getconn()
        try:
            cursor = conn.cursor(row_factory=tuple_row)
            await cursor.execute(_CLAIM, (types, number, most, begins_for))
            return await cursor.fetchall()
        finally:
            await pool.putconn(conn)

    def _pool_of_tickets(self) -> AsyncConnectionPool[AsyncConnection[Any]]:
        assert isinstance(self.connector, PsycopgConnector)
        return self.connector.pool

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Look for tickets at each notification. Whoever may connect can send one: what it says is not obeyed."""

        async def look(channel: str, payload: str) -> None:
            self.wake()

        await self.connector.listen_notify(on_notification=look, channels=get_channel_for_queues(queues=queues))

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
        """Remove the ticket, if it is still there. What became of the job is in its own record."""
        assert job.id is not None
        self._handed_out.discard(job.id)
        self._begun.pop(job.id, None)
        if job.id in self._gone:
            self._gone.discard(job.id)
            return
        await self.remove(job.id)

    async def remove(self, ticket_id: int) -> None:
        """Remove a ticket. If that fails, a sweep does."""
        try:
            await self.connector.execute_query_async(_REMOVE, id=ticket_id)
        except ConnectorException as error:
            _log.warning("ticket_not_removed", ticket=ticket_id, error=type(error.__cause__ or error).__name__)


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
    """Procrastinate's worker, which looks at its queue when that was given a ticket.

    Of its own lines none below an error is shown, so nothing is gathered for them.
    """

    def __init__(self, app: App, queue: TicketQueue, **options: Any) -> None:
        super().__init__(app, **options)
        queue.wake = self._new_job_event.set

    def _log_extra(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {}
