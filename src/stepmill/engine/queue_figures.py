"""What all processes share, read from the database when the api is scraped: the queue, the workers, what runs.

It stays cheap however long the queue is. Of each type at most 10,000 tickets are counted, in an index that claims use
as well; where there are more, their number is the planner's estimate. The oldest job is looked for among the first
tickets of each priority, which is where a fair order has it. The answer is kept for some seconds, and a look that takes
too long is broken off: then the figures are left out, rather than old ones shown.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.engine.engine import Engine
from stepmill.errors import StepmillError

COUNTED_AT_MOST = 10_000
_KEEP_SECONDS = 3.0
_STATEMENT_SECONDS = 0.5
_LOOK_SECONDS = 2.0
"""With the wait for a connection."""

# The types and priorities in use are found by leaps from one to the next, not by looking at every ticket. A ticket for
# later is counted from its time on, also where no worker is alive to make it ready.
_QUEUE = """
WITH RECURSIVE bands AS (
    (SELECT queue_name AS type, priority FROM procrastinate_jobs WHERE status = 'todo' AND ready
     ORDER BY queue_name, priority DESC LIMIT 1)
    UNION ALL
    SELECT leap.type, leap.priority FROM bands CROSS JOIN LATERAL (
        (SELECT 1 AS part, queue_name AS type, t.priority FROM procrastinate_jobs t
         WHERE status = 'todo' AND ready AND queue_name = bands.type AND t.priority < bands.priority
         ORDER BY t.priority DESC LIMIT 1)
        UNION ALL
        (SELECT 2, queue_name, t.priority FROM procrastinate_jobs t
         WHERE status = 'todo' AND ready AND queue_name > bands.type ORDER BY queue_name, t.priority DESC LIMIT 1)
        ORDER BY part LIMIT 1
    ) AS leap
), ready AS (
    SELECT type, jobs, oldest FROM (SELECT DISTINCT type FROM bands) AS types
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs FROM (
            SELECT FROM procrastinate_jobs WHERE status = 'todo' AND ready AND queue_name = types.type LIMIT %(most)s
        ) AS tickets
    ) AS counted
    CROSS JOIN LATERAL (
        SELECT min(j.run_at) AS oldest FROM bands CROSS JOIN LATERAL (
            SELECT args ->> 'jobId' AS job_id FROM procrastinate_jobs
            WHERE status = 'todo' AND ready AND queue_name = bands.type AND priority = bands.priority
            ORDER BY tag, id LIMIT %(heads)s
        ) AS heads JOIN jobs j USING (job_id) WHERE bands.type = types.type
    ) AS heads
), later AS (
    SELECT queue_name AS type, count(*) AS jobs, min(scheduled_at) AS oldest FROM (
        SELECT queue_name, scheduled_at FROM procrastinate_jobs
        WHERE status = 'todo' AND NOT ready AND scheduled_at <= statement_timestamp()
        ORDER BY scheduled_at LIMIT %(most)s
    ) AS due GROUP BY queue_name
)
SELECT type, sum(jobs)::bigint AS jobs,
    extract(epoch FROM statement_timestamp() - min(oldest))::double precision AS age
FROM (SELECT * FROM ready UNION ALL SELECT * FROM later) AS due GROUP BY type
"""
_HEADS = 100
"""Tickets of each type and priority that are looked at for the oldest job."""
_ESTIMATE = """
EXPLAIN (FORMAT JSON) SELECT FROM procrastinate_jobs WHERE status = 'todo' AND ready AND queue_name = %s
"""
_RUNNING = """
SELECT j.type, count(*) AS jobs FROM job_attempts a JOIN jobs j USING (job_id) WHERE a.outcome IS NULL GROUP BY j.type
"""
_WORKERS = """
SELECT worker_id, types, concurrency, running_jobs FROM workers
WHERE last_seen_at > clock_timestamp() - make_interval(secs => %s)
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Figures:
    """One look. Ages in seconds."""

    queued: dict[str, int] = field(default_factory=dict)
    ages: dict[str, float] = field(default_factory=dict)
    running: dict[str, int] = field(default_factory=dict)
    type_slots: dict[str, int] = field(default_factory=dict)
    worker_slots: dict[str, int] = field(default_factory=dict)
    worker_running: dict[str, int] = field(default_factory=dict)


class QueueFigures(Collector):
    """The shared figures as metrics. ``refresh`` comes before a scrape, because to collect can't wait."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._figures: Figures | None = None
        self._looked = float("-inf")
        self._looking = asyncio.Lock()

    async def refresh(self) -> None:
        """Look again, if the last look is some seconds old."""
        async with self._looking:
            if time.monotonic() - self._looked < _KEEP_SECONDS:
                return
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    self._figures = await self._look()
            except (psycopg.Error, StepmillError, OSError, TimeoutError) as error:
                _log.warning("queue_not_read", error=type(error).__name__)
                self._figures = None
            self._looked = time.monotonic()

    async def _look(self) -> Figures:
        async with self._engine.database.transaction(
            "stepmill_engine", statement_timeout=_STATEMENT_SECONDS, application_name="stepmill:metrics"
        ) as conn:
            queue = await (await conn.execute(_QUEUE, {"most": COUNTED_AT_MOST, "heads": _HEADS})).fetchall()
            queued = {row["type"]: await _number(conn, row) for row in queue}
            running = await (await conn.execute(_RUNNING)).fetchall()
            workers = await (await conn.execute(_WORKERS, (self._engine.settings.dead_after_seconds,))).fetchall()
        known = dict.fromkeys([*self._engine.registry.names, *(name for row in workers for name in row["types"])], 0)
        return Figures(
            queued=known | queued,
            ages=known | {row["type"]: row["age"] for row in queue if row["age"] is not None},
            running=known | {row["type"]: row["jobs"] for row in running},
            type_slots={name: sum(row["concurrency"] for row in workers if name in row["types"]) for name in known},
            worker_slots={row["worker_id"]: row["concurrency"] for row in workers},
            worker_running={row["worker_id"]: row["running_jobs"] for row in workers},
        )

    def describe(self) -> Iterable[Metric]:
        """The metrics without their figures."""
        return _families(Figures(), 0)

    def collect(self) -> Iterable[Metric]:
        """The figures of the last look."""
        return _families(self._figures or Figures(), int(self._figures is not None))


async def _number(conn: AsyncConnection[DictRow], row: DictRow) -> int:
    """How many wait: as counted, or the planner's estimate where they were too many to count."""
    counted: int = row["jobs"]
    if counted < COUNTED_AT_MOST:
        return counted
    answer = await (await conn.execute(_ESTIMATE, (row["type"],))).fetchone()
    plan: dict[str, Any] = answer["QUERY PLAN"][0]["Plan"] if answer else {}
    return max(counted, int(plan.get("Plan Rows", 0)))


def _families(figures: Figures, success: int) -> Iterable[Metric]:
    yield GaugeMetricFamily(
        "stepmill_queue_read_success",
        "1 if the figures that are read from the database could be read, else 0; they are left out then.",
        value=success,
    )
    by_type: dict[str, tuple[Mapping[str, float], str]] = {
        "stepmill_queue_jobs": (
            figures.queued,
            "Jobs that wait for nothing but a worker's slot. Above 10,000 an estimate.",
        ),
        "stepmill_queue_age_seconds": (figures.ages, "How long the oldest of them has been due; 0 if there is none."),
        "stepmill_running_jobs": (figures.running, "Jobs that run now, in all workers together."),
        "stepmill_type_slots": (
            figures.type_slots,
            "Slots of the living workers that run the type; a worker of several types counts for each.",
        ),
    }
    for name, (values, meaning) in by_type.items():
        yield _gauge(name, meaning, "type", values)
    slots, running = figures.worker_slots, figures.worker_running
    yield _gauge("stepmill_worker_slots", "Jobs that the worker may run at once, as it said last.", "worker", slots)
    yield _gauge("stepmill_worker_running_jobs", "Jobs that the worker runs, as it said last.", "worker", running)


def _gauge(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    gauge = GaugeMetricFamily(name, meaning, labels=[label])
    for value, figure in values.items():
        gauge.add_metric([value], figure)
    return gauge
