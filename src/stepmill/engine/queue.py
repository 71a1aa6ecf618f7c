"""The queue as a worker uses it, with the time that a claim takes."""

import time
from collections.abc import Iterable

from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from stepmill.engine.metrics import EngineMetrics


class TimedQueue(JobManager):
    """Procrastinate's queue."""

    def __init__(self, connector: BaseConnector, metrics: EngineMetrics) -> None:
        super().__init__(connector)
        self._metrics = metrics

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take the next ticket."""
        began = time.perf_counter()
        ticket = await super().fetch_job(queues, worker_id)
        if ticket is not None:
            self._metrics.claim.labels(ticket.queue).observe(time.perf_counter() - began)
        return ticket
