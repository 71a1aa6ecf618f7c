"""What this process does to jobs, counted. What all processes share, such as the queue, is in `queue_figures`."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stepmill.engine.states import TERMINAL

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class EngineMetrics:
    """Counters and histograms of one process. Without a registry they are counted and shown to nobody."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._registry = registry
        self._slots: tuple[Gauge, Gauge] | None = None
        self.submitted = Counter(
            "stepmill_jobs_submitted_total", "Jobs accepted; repeats left out.", ["type"], registry=registry
        )
        self.finished = Counter(
            "stepmill_jobs_finished_total",
            "Jobs that ended, by how; those that were retried and ended again, each time.",
            ["type", "status"],
            registry=registry,
        )
        self.rows_loaded = Counter(
            "stepmill_rows_loaded_total",
            "Rows loaded by jobs that ended DONE: `rowsLoaded` of their results.",
            ["type"],
            registry=registry,
        )
        self.retries = Counter(
            "stepmill_retries_total",
            "Jobs sent back to run again: `backoff` after a retryable error, `user` by somebody.",
            ["type", "reason"],
            registry=registry,
        )
        self.rescues = Counter(
            "stepmill_rescues_total",
            "Attempts taken away: `crashed` from a dead worker, `cancel_requested` from one that did not heed a "
            "cancel, `shutdown` and `database_lost` given back by a worker itself.",
            ["type", "reason"],
            registry=registry,
        )
        self.cancel_requests = Counter(
            "stepmill_cancel_requests_total", "Cancels asked for and accepted.", ["type"], registry=registry
        )
        self.start_delay = Histogram(
            "stepmill_start_delay_seconds",
            "From when a job may run until its first attempt begins, by the database's clock.",
            ["type"],
            registry=registry,
            buckets=_LONG,
        )
        self.claim = Histogram(
            "stepmill_claim_seconds",
            "Taking a ticket out of the queue, with the beginning of its job where that has no lock; a share of the"
            " time that several took together. Looks that found none are left out, and tickets that the end of another"
            " job took along.",
            ["type"],
            registry=registry,
            buckets=_QUICK,
        )
        self.begin = Histogram(
            "stepmill_begin_seconds",
            "Beginning an attempt once its ticket is taken; next to nothing where it has begun with that.",
            ["type"],
            registry=registry,
            buckets=_QUICK,
        )
        self.run = Histogram(
            "stepmill_run_seconds",
            "One attempt of a job in this worker. The outcome is `done`, `error`, `cancelled`, `backoff`, `waiting` "
            "(for a lock), `shutdown`, `database_lost`, `lost` (it was taken away) or `failed` (unforeseen).",
            ["type", "outcome"],
            registry=registry,
            buckets=_LONG,
        )
        self.step = Histogram(
            "stepmill_step_seconds",
            "One run of a step: `done`, `error`, or `stopped` by a cancel, a time limit or a shutdown.",
            ["type", "step", "outcome"],
            registry=registry,
            buckets=_LONG,
        )

    def watch_slots(self, slots: int, busy: Callable[[], int]) -> None:
        """Show how many jobs this worker may run at once and how many it runs."""
        if self._slots is None:
            self._slots = (
                Gauge("stepmill_slots", "Jobs that this worker may run at once.", registry=self._registry),
                Gauge("stepmill_slots_busy", "Jobs that this worker runs now.", registry=self._registry),
            )
        self._slots[0].set(slots)
        self._slots[1].set_function(busy)

    def ended(self, job_type: str, status: str | None) -> None:
        """Count a job if its status is the last one."""
        if status in TERMINAL:
            self.finished.labels(job_type, status).inc()
