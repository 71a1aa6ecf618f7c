"""Turns between tenants in less usual company: many at once, late commits, limits, mixed batches."""

from collections import deque
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.engine.test_fair_queue import Queue, queue
from tests.engine.test_fair_tenants import many_types, say_hello, served_before

__all__ = ["queue"]


class Slots:
    """A worker's places, as far as the database sees them, with a limit of two for each tenant."""

    def __init__(self, queue: Queue, count: int) -> None:
        self._queue = queue
        self._count = count
        self._running: deque[tuple[str, int, int]] = deque()
        self._long = 0

    def fill(self) -> None:
        """Claim and begin jobs until all places are taken or nothing is there. Those of tenant d never end."""
        conn = self._queue.conn
        while len(self._running) + self._long < self._count:
            ticket, job_id = self._one("SELECT id, args ->> 'jobId' FROM procrastinate_fetch_job_v2('{T,U}', NULL)")
            if ticket is None:
                return
            begun = self._one("SELECT begin_attempt_v1(%s, 'w', %s)", job_id, Jsonb({"*": 2}))[0]
            if begun is None or begun["outcome"] != "run":
                conn.execute("DELETE FROM procrastinate_jobs WHERE id = %s", (ticket,))
            elif job_id.startswith("d"):
                self._long += 1
            else:
                self._running.append((job_id, begun["job"]["attempt"], ticket))

    def end_one(self) -> str:
        """End the job that began first; its tenant."""
        job_id, attempt, ticket = self._running.popleft()
        self._queue.conn.execute("SELECT finish_step_v1(%s, %s, 0::smallint, '{}', NULL)", (job_id, attempt))
        self._queue.conn.execute("DELETE FROM procrastinate_jobs WHERE id = %s", (ticket,))
        self.fill()
        return job_id[0]

    def _one(self, statement: str, *values: object) -> tuple[Any, ...]:
        row = self._queue.conn.execute(statement.encode(), values or None).fetchone()
        assert row is not None
        return row


def test_those_let_go_by_a_limit_pass_nobody_elses_line(queue: Queue) -> None:
    say_hello(queue, "T", "U")
    slots = Slots(queue, 6)
    for tenant in "ac":
        queue.submit(tenant, 60, type="U")
    slots.fill()  # two of each run, all others stand aside
    queue.submit("d", 2, type="U")
    slots.fill()
    queue.submit("b", 10)
    slots.fill()
    ended = [slots.end_one() for _ in range(60)]
    assert ended.count("b") == 10
    assert len(ended[: _last(ended, "b")]) < 40


def _last(ended: list[str], tenant: str) -> int:
    return max(place for place, each in enumerate(ended) if each == tenant)


def test_single_jobs_submitted_at_once_get_places_beside_one_another(queue: Queue) -> None:
    say_hello(queue, "T")
    conns = [psycopg.connect(queue.conn.info.dsn, options="-c search_path=stepmill") for _ in range(8)]
    for _ in range(10):
        for conn in conns:
            conn.execute("SELECT submit_batch_v1(%s::jsonb[])", ([queue.job("a")],))
        for conn in conns:
            conn.commit()
    for conn in conns:
        conn.close()
    queue.submit("b", 10)
    assert served_before(queue, 10)["a"] <= 14


def test_a_batch_whose_turn_does_not_come_goes_on_without(queue: Queue) -> None:
    """The one before it may be of a process that is frozen."""
    with psycopg.connect(queue.conn.info.dsn, options="-c search_path=stepmill") as frozen:
        frozen.execute("SELECT submit_batch_v1(%s::jsonb[])", ([queue.job("a") for _ in range(5)],))
        queue.conn.execute("SELECT submit_batch_v1(%s::jsonb[])", ([queue.job("a") for _ in range(5)],))
        assert len(queue.claim(10)) == 5


@pytest.mark.parametrize(("each", "count"), [(4, 3), (3, 16), (4, 16)])
def test_a_few_jobs_of_other_types_do_not_slow_a_line_for_its_whole_length(queue: Queue, each: int, count: int) -> None:
    types = many_types(count)
    queue.submit("a", 500)
    for job_type in types:
        queue.submit("b", each, type=job_type)
    queue.submit("b", 50)
    total = each * count + 50
    assert served_before(queue, total, ("T", *types))["a"] <= total * 1.2


@pytest.mark.parametrize(("count", "claimed"), [(4, 40), (8, 290)])
def test_batches_of_one_type_with_one_of_each_other_are_worth_no_more(queue: Queue, count: int, claimed: int) -> None:
    types = many_types(count)
    for job_type in types:
        others = [queue.job("a", type=other) for other in types if other != job_type]
        jobs = others + [queue.job("a", type=job_type) for _ in range(80)]
        queue.conn.execute("SELECT submit_batch_v1(%s::jsonb[])", (jobs,))
    queue.claim(claimed, types)
    queue.submit("b", 10, type=types[0])
    assert served_before(queue, 10, types)["a"] < 25


def test_a_batch_that_is_committed_late_moves_nobody_else_s_jobs(queue: Queue) -> None:
    say_hello(queue, "T", "U")
    queue.submit("a", 400)
    queue.submit("d", 200, type="U")
    queue.claim(20, ("T", "U"))
    with psycopg.connect(queue.conn.info.dsn, options="-c search_path=stepmill") as slow:
        slow.execute("SELECT submit_batch_v1(%s::jsonb[])", ([queue.job("c", type="U") for _ in range(5)],))
        queue.claim(100, ("T", "U"))
        queue.submit("b", 10, type="U")
    assert served_before(queue, 10, ("T", "U"))["a"] <= 14


def test_what_is_due_is_found_among_many_flows_that_are_not(queue: Queue) -> None:
    queue.conn.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at, tenant, ready)"
        " SELECT 'T', 'stepmill.run', '{}', now() + interval '1 day', 'a' || n, false FROM generate_series(1, 1500) n"
    )
    queue.conn.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at, tenant, ready)"
        " SELECT 'T', 'stepmill.run', '{\"jobId\": \"a\"}', now() - interval '1 minute', 'a', false"
        " FROM generate_series(1, 500)"
    )
    queue.conn.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at, tenant, ready)"
        " SELECT 'T', 'stepmill.run', '{\"jobId\": \"b\"}', now(), 'b', false FROM generate_series(1, 10)"
    )
    assert served_before(queue, 10)["a"] < 30
