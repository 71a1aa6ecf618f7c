"""The queue as a worker uses it: with the time that a claim takes, and without removing what is gone already."""

import time
from collections.abc import Iterable

from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from stepmill.engine.metrics import EngineMetrics

_REMOVE = "DELETE FROM procrastinate_jobs WHERE id = %(id)s"


class TicketQueue(JobManager):
    """Procrastinate's queue. A job that ends takes its ticket along, in the commit of its end."""

    def __init__(self, connector: BaseConnector, metrics: EngineMetrics) -> None:
        super().__init__(connector)
        self._metrics = metrics
        self._gone: set[int] = set()

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take the next ticket."""
        began = time.perf_counter()
        ticket = await super().fetch_job(queues, worker_id)
        if ticket is not None:
            self._metrics.claim.labels(ticket.queue).observe(time.perf_counter() - began)
        return ticket

    def is_gone(self, ticket_id: int | None) -> None:
        """Say that the end of a job took this ticket along."""
        if ticket_id is not None:
            self._gone.add(ticket_id)

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Remove the ticket, if it is still there. What became of the job is in its own record."""
        assert job.id is not None
        if job.id in self._gone:
            self._gone.discard(job.id)
            return
        await self.connector.execute_query_async(_REMOVE, id=job.id)
