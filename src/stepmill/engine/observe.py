"""What is seen of a run from outside: its span, its durations, and what its log lines carry."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from structlog.contextvars import bind_contextvars, bound_contextvars

from stepmill.engine.attempt import Attempt
from stepmill.engine.metrics import EngineMetrics
from stepmill.gateways.tracing import context_of, fail

_OUTCOMES = {"DONE": "done", "ERROR": "error", "CANCELLED": "cancelled", "PENDING": "backoff", "RUNNING": "waiting"}

_EXPECTED = frozenset({"done", "cancelled", "waiting", "shutdown"})

_tracer = trace.get_tracer("stepmill")
_log = structlog.get_logger(__name__)


class Taken:
    """When a ticket was taken: its run began then, though which job it is of is known only later."""

    def __init__(self) -> None:
        self.at_ns = time.time_ns()
        self.clock = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long ago it was."""
        return time.perf_counter() - self.clock


@contextmanager
def observed_run(metrics: EngineMetrics, attempt: Attempt, taken: Taken) -> Iterator[None]:
    """Around one attempt, begun already. Its span goes on with the trace of the request that submitted the job."""
    job = attempt.job
    job_type = attempt.job_type.name
    metrics.begin.labels(job_type).observe(taken.seconds)
    if job["attempt"] == 1:
        metrics.start_delay.labels(job_type).observe(_start_delay(job))
    with (
        bound_contextvars(**{**attempt.where, "step": None}),
        _tracer.start_as_current_span(
            f"run {job_type}",
            context=context_of(job.get("trace_context")),
            kind=SpanKind.CONSUMER,
            attributes={**_attributes(attempt), "stepmill.job_type": job_type},
            start_time=taken.at_ns,
            record_exception=False,
            set_status_on_exception=False,
        ) as span,
    ):
        try:
            yield
        finally:
            outcome = attempt.stopped_by or _OUTCOMES.get(attempt.status or "", "failed")
            span.set_attribute("stepmill.outcome", outcome)
            metrics.run.labels(job_type, outcome).observe(taken.seconds)
            _log_end(attempt, outcome, taken.seconds)
            _count_end(metrics, attempt, outcome)


@contextmanager
def observed_step(metrics: EngineMetrics, attempt: Attempt, step_name: str) -> Iterator[None]:
    """Around one run of a step, with the commit of its end, in a task of its own."""
    began, outcome = time.perf_counter(), "error"
    job_type = attempt.job_type.name
    # It ends with the task. A cancel's always-steps have another attempt than the run that they are in.
    bind_contextvars(step=step_name, attempt=attempt.job["attempt"])
    with _step_span(attempt, step_name) as span:
        try:
            yield
            outcome = "done"
        except BaseException as error:
            outcome = "stopped" if isinstance(error, asyncio.CancelledError) else "error"
            fail(span, error)
            raise
        finally:
            metrics.step.labels(job_type, step_name, outcome).observe(time.perf_counter() - began)


def _step_span(attempt: Attempt, step_name: str) -> AbstractContextManager[Span]:
    run = trace.get_current_span()
    if not run.is_recording():
        return nullcontext(run)
    return _tracer.start_as_current_span(
        f"{attempt.job_type.name} {step_name}",
        attributes={**_attributes(attempt), "stepmill.step": step_name},
        record_exception=False,  # its text may name secrets
        set_status_on_exception=False,
    )


def _count_end(metrics: EngineMetrics, attempt: Attempt, outcome: str) -> None:
    job_type = attempt.job_type.name
    if attempt.stopped_by is None:
        metrics.ended(job_type, attempt.status)
    if outcome == "backoff":
        metrics.retries.labels(job_type, outcome).inc()
    if outcome == "done":
        result = attempt.outputs.get(attempt.job_type.steps[attempt.job_type.result_index].name) or {}
        rows = result.get("rowsLoaded")
        if isinstance(rows, int) and not isinstance(rows, bool) and rows > 0:
            metrics.rows_loaded.labels(job_type).inc(rows)


def _log_end(attempt: Attempt, outcome: str, seconds: float) -> None:
    """One line for each attempt, with the last step that ran; its job, attempt and tenant are bound already."""
    say = _log.info if outcome in _EXPECTED else _log.warning
    error = {} if attempt.error_code is None else {"code": attempt.error_code}
    say("attempt_ended", step=attempt.last_step, outcome=outcome, seconds=round(seconds, 3), **error)


def _attributes(attempt: Attempt) -> dict[str, str | int]:
    job = attempt.job
    return {
        "stepmill.job_id": job["job_id"],
        "stepmill.attempt": job["attempt"],
        "stepmill.tenant": job["tenant_id"],
        "stepmill.env_id": job["env_id"],
    }


def _start_delay(job: dict[str, Any]) -> float:
    started, due = (datetime.fromisoformat(job[name]) for name in ("started_at", "run_at"))
    return max(0.0, (started - due).total_seconds())
