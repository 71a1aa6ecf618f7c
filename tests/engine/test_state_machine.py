"""Jobs driven at random through everything that can happen to them, on a real PostgreSQL, beside a small model."""

from collections.abc import Callable
from typing import Any, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from tests.engine.model import MAX_CRASHES, MAX_FAILURES, Job, Model, Shape
from tests.support.database import DatabaseServer

SHAPES = (
    Shape((False,)),
    Shape((False, False, False)),
    Shape((False, False), span=(0, 1)),
    Shape((False, False, True), span=(1, 1)),
    Shape((False, True, False, True)),
)
MOST_JOBS = 3
"""Few, so that much happens to each."""
_FETCH = "SELECT id, args ->> 'jobId' AS job, NULL AS begun FROM procrastinate_fetch_job_v2(NULL, NULL)"
_CLAIM = "SELECT (ticket).id, (ticket).args ->> 'jobId' AS job, begun FROM claim_v1(NULL, NULL, %s, 'w')"
_FINISH_AND_CLAIM = """
SELECT following, (ticket).id, (ticket).args ->> 'jobId' AS job, begun
FROM finish_and_claim_v1(%s, %s, %s::smallint, '{}', NULL, NULL, NULL, 'w')
"""
_ERROR = {"code": "broken", "message": "It is broken."}
_JOBS = """
SELECT job_id, status, attempt, parked, failures, crashes, ending ->> 'status' AS ending,
    cancel_requested_at IS NOT NULL AS cancelling,
    waiting_lock IS NOT NULL AS in_line,
    (SELECT array_agg(status ORDER BY idx) FROM job_steps s WHERE s.job_id = j.job_id) AS steps,
    (SELECT array_agg(attempt) FROM job_attempts a WHERE a.job_id = j.job_id AND ended_at IS NULL) AS current
FROM jobs j
"""
_BROKEN_EVENTS = """
SELECT job_id FROM job_events JOIN job_event_counters USING (job_id) GROUP BY job_id, last_seq
HAVING count(*) <> last_seq OR max(seq) <> last_seq OR min(seq) <> 1
"""
_WITHOUT_TICKET = """
SELECT job_id FROM jobs j WHERE (status = 'PENDING' OR parked) AND waiting_lock IS NULL
    AND NOT EXISTS (SELECT FROM procrastinate_jobs t WHERE t.args ->> 'jobId' = j.job_id AND t.status = 'todo')
"""
_MUCH_LATER = """
UPDATE jobs SET run_at = now() + interval '1 hour' WHERE job_id = %s AND waiting ->> 'code' = 'backoff'
"""
"""The random wait of a back-off may be none at all; the model knows due and not due only."""

Choice = st.randoms(use_true_random=False)


class Engine(RuleBasedStateMachine):
    """Each rule does one thing to the database and the same to the model; then the two are compared."""

    conn: ClassVar[psycopg.Connection[DictRow]]
    model: Model

    @initialize()
    def forget(self) -> None:
        self.model = Model()
        self.conn.execute("RESET ROLE")
        self.conn.execute("SET session_replication_role = replica")  # past the guards
        self.conn.execute("TRUNCATE jobs, job_steps, job_attempts, job_events, procrastinate_jobs CASCADE")
        self.conn.execute("SET session_replication_role = origin")
        self.conn.execute("SET ROLE stepmill_engine")

    @precondition(lambda self: len(self.model.jobs) < MOST_JOBS)
    @rule(shape=st.sampled_from(SHAPES))
    def submit(self, shape: Shape) -> None:
        job_id = f"job_{len(self.model.jobs):02d}"
        steps = [{"name": f"S{index}", "always": always} for index, always in enumerate(shape.always)]
        asked: dict[str, Any] = {
            "jobId": job_id,
            "tenantId": "t",
            "envId": "e",
            "type": "T",
            "params": {},
            "steps": steps,
        }
        asked |= {"maxAttempts": MAX_FAILURES, "priority": 0, "resultStep": 0, "createdBy": "test"}
        if shape.span:
            asked |= {"lockKey": "key", "lockFrom": shape.span[0], "lockTo": shape.span[1]}
        self._ask("submit_v1(%s)", Jsonb(asked))
        self.model.jobs[job_id] = Job(shape)

    @rule()
    def take_a_ticket(self) -> None:
        self._take(self.conn.execute(_FETCH).fetchall())

    @rule(most=st.integers(1, MOST_JOBS))
    def claim_tickets(self, most: int) -> None:
        self._take(self.conn.execute(_CLAIM, (most,)).fetchall())

    def _take(self, tickets: list[DictRow]) -> None:
        if not tickets or tickets[0]["id"] is None:
            runnable = [
                key for key, job in self.model.jobs.items() if job.waits and job.due and job.waits_since is None
            ]
            assert not runnable
            return
        for ticket in tickets:
            self._taken(ticket)

    def _taken(self, ticket: DictRow) -> None:
        self.conn.execute("DELETE FROM procrastinate_jobs WHERE id = %s", (ticket["id"],))
        if ticket["begun"] is None:
            self._begin(ticket["job"])
        else:
            assert self.model.jobs[ticket["job"]].crashes == 0
            assert ticket["begun"]["outcome"] == self.model.begin(ticket["job"])

    @precondition(lambda self: self.model.jobs)
    @rule(choice=Choice)
    def use_a_stale_ticket(self, choice: Any) -> None:
        self._begin(choice.choice(sorted(self.model.jobs)))

    @precondition(lambda self: self._some(_works))
    @rule(choice=Choice)
    def finish(self, choice: Any) -> None:
        job_id = self._one(choice, _works)
        job = self.model.jobs[job_id]
        self._ask("finish_step_v1(%s, %s, %s::smallint, '{}', NULL)", job_id, job.attempt, job.current)
        self.model.finish(job_id)

    @precondition(lambda self: self._some(_works))
    @rule(choice=Choice)
    def finish_and_take_the_next(self, choice: Any) -> None:
        job_id = self._one(choice, _works)
        job = self.model.jobs[job_id]
        answer = self.conn.execute(_FINISH_AND_CLAIM, (job_id, job.attempt, job.current)).fetchone()
        assert answer is not None
        self.model.finish(job_id)
        assert answer["following"].get("status", "RUNNING") == job.status
        if answer["id"] is not None:
            assert job.status == "DONE"
            self._taken(answer)

    @precondition(lambda self: self._some(_works))
    @rule(choice=Choice, retryable=st.booleans(), code=st.sampled_from(["broken", "timeout"]))
    def fail(self, choice: Any, retryable: bool, code: str) -> None:
        job_id = self._one(choice, _works)
        job = self.model.jobs[job_id]
        error = Jsonb({**_ERROR, "code": code, "retryable": retryable})
        self._ask("fail_step_v1(%s, %s, %s::smallint, %s, 600, 600)", job_id, job.attempt, job.current, error)
        self.conn.execute(_MUCH_LATER, (job_id,))
        self.model.fail(job_id, retryable=retryable)

    @precondition(lambda self: self._some(_waits_for_its_time))
    @rule(choice=Choice)
    def time_passes(self, choice: Any) -> None:
        job_id = self._one(choice, _waits_for_its_time)
        self.conn.execute("UPDATE jobs SET run_at = now() WHERE job_id = %s", (job_id,))
        self.conn.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE args ->> 'jobId' = %s", (job_id,))
        self.model.jobs[job_id].due = True

    @precondition(lambda self: self.model.jobs)
    @rule(choice=Choice)
    def cancel(self, choice: Any) -> None:
        job_id = choice.choice(sorted(self.model.jobs))
        assert self._ask("cancel_v1(%s)", job_id)["outcome"] == self.model.cancel(job_id)

    @precondition(lambda self: self._some(lambda job: job.revoked))
    @rule(choice=Choice)
    def stop_what_was_cancelled(self, choice: Any) -> None:
        job_id = self._one(choice, lambda job: job.revoked)
        self._ask("settle_cancel_v1(%s, %s, 5)", job_id, self.model.jobs[job_id].attempt)
        self.model.settle(job_id)

    @precondition(lambda self: self._some(lambda job: job.running))
    @rule(choice=Choice, reason=st.sampled_from(["crashed", "shutdown", "database_lost"]))
    def lose_the_worker(self, choice: Any, reason: str) -> None:
        job_id = self._one(choice, lambda job: job.running)
        self._ask("rescue_v1(%s, %s, %s, %s)", job_id, self.model.jobs[job_id].attempt, reason, MAX_CRASHES)
        self.conn.execute(_MUCH_LATER, (job_id,))
        self.model.rescue(job_id, reason)

    @precondition(lambda self: self.model.jobs)
    @rule(choice=Choice, from_step=st.none() | st.integers(0, 3))
    def retry(self, choice: Any, from_step: int | None) -> None:
        job_id = choice.choice(sorted(self.model.jobs))
        if from_step is not None and from_step >= len(self.model.jobs[job_id].steps):
            from_step = None
        answer = self._ask("retry_v1(%s, %s::smallint)", job_id, from_step)
        assert answer["outcome"] == self.model.retry(job_id, from_step)

    @precondition(lambda self: self._some(lambda job: job.attempt > 1))
    @rule(choice=Choice)
    def wake_an_old_attempt(self, choice: Any) -> None:
        job_id = self._one(choice, lambda job: job.attempt > 1)
        old = choice.randint(1, self.model.jobs[job_id].attempt - 1)
        self._refused("fence_v1(%s, %s)", job_id, old)
        self._refused("finish_step_v1(%s, %s, 0::smallint, '{}', NULL)", job_id, old)
        self._refused("fail_step_v1(%s, %s, 0::smallint, '{}', 1, 1)", job_id, old)
        assert self._ask("report_v1(%s, %s, 0::smallint, '[]', NULL)", job_id, old) is False
        assert self._ask("rescue_v1(%s, %s, 'crashed', 1)", job_id, old) is None
        assert self._ask("settle_cancel_v1(%s, %s, 1)", job_id, old) is None

    @precondition(lambda self: self._some(lambda job: job.revoked))
    @rule(choice=Choice)
    def finish_what_is_being_cancelled(self, choice: Any) -> None:
        job_id = self._one(choice, lambda job: job.revoked)
        job = self.model.jobs[job_id]
        self._refused("finish_step_v1(%s, %s, %s::smallint, '{}', NULL)", job_id, job.attempt, job.current)

    @rule()
    def sweep(self) -> None:
        self._ask("issue_missing_tickets_v1('', 500)")

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        assert {row["job_id"]: _seen(row) for row in self.conn.execute(_JOBS).fetchall()} == {
            key: _meant(job) for key, job in self.model.jobs.items()
        }
        holder = self.conn.execute("SELECT job_id FROM job_locks").fetchall()
        assert [row["job_id"] for row in holder] == ([self.model.holder] if self.model.holder else [])
        assert self.conn.execute(_BROKEN_EVENTS).fetchall() == []
        assert self.conn.execute(_WITHOUT_TICKET).fetchall() == []

    def _begin(self, job_id: str) -> None:
        answer = self._ask("begin_attempt_v1(%s, 'w')", job_id)
        assert (answer or {}).get("outcome") == self.model.begin(job_id)

    def _refused(self, call: str, *values: object) -> None:
        with pytest.raises(psycopg.Error) as refused:
            self._ask(call, *values)
        assert refused.value.sqlstate == "SM001"

    def _ask(self, call: str, *values: object) -> Any:
        row = self.conn.execute(f"SELECT {call} AS answer".encode(), values).fetchone()
        return row["answer"] if row else None

    def _some(self, which: Callable[[Job], bool]) -> bool:
        return any(which(job) for job in self.model.jobs.values())

    def _one(self, choice: Any, which: Callable[[Job], bool]) -> str:
        return str(choice.choice([key for key, job in sorted(self.model.jobs.items()) if which(job)]))


def _waits_for_its_time(job: Job) -> bool:
    return job.waits and not job.due


def _works(job: Job) -> bool:
    return job.running and not job.revoked


def _seen(row: DictRow) -> dict[str, Any]:
    names = (
        "status",
        "attempt",
        "parked",
        "failures",
        "crashes",
        "ending",
        "cancelling",
        "in_line",
        "steps",
        "current",
    )
    return {name: row[name] for name in names}


def _meant(job: Job) -> dict[str, Any]:
    return {
        "status": job.status,
        "attempt": job.attempt,
        "parked": job.status == "RUNNING" and not job.running,
        "failures": job.failures,
        "crashes": job.crashes,
        "ending": job.ending,
        "cancelling": job.cancelling,
        "in_line": job.waits_since is not None,
        "steps": job.steps,
        "current": [job.attempt] if job.running else None,
    }


@pytest.mark.hypothesis
def test_the_engine_means_what_the_model_says(database_server: DatabaseServer, database_url: str) -> None:
    url = database_server.url_of(str(conninfo_to_dict(database_url)["dbname"]), user="postgres")
    with psycopg.connect(url, autocommit=True, row_factory=dict_row, options="-c search_path=stepmill") as conn:
        machine = type("OnThisDatabase", (Engine,), {"conn": conn})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=100, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
