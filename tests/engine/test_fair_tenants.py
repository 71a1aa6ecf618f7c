"""A tenant has one turn, whatever types its jobs are of, however many become due at once, whoever was served before."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.engine.test_fair_queue import Queue, queue

__all__ = ["queue"]

TYPES = ("T", "U", "V", "W")
_FETCH = "SELECT args ->> 'jobId', queue_name FROM procrastinate_fetch_job_v2(%s, NULL)"


def later() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def let_time_pass(queue: Queue) -> None:
    """What was set for later is due."""
    queue.conn.execute("UPDATE jobs SET run_at = now() - (job_id < 'b')::int * interval '1 s' WHERE run_at > now()")
    queue.conn.execute(
        "UPDATE procrastinate_jobs SET scheduled_at = now() - (tenant = 'a')::int * interval '1 s' WHERE NOT ready"
    )


def say_hello(queue: Queue, *types: str) -> None:
    """A worker that runs these types."""
    insert = "INSERT INTO workers (worker_id, host, pid, version, types) VALUES ('w', 'h', 1, '0', %s)"
    queue.conn.execute(insert, (list(types),))


def many_types(count: int) -> tuple[str, ...]:
    return tuple(f"T{number:02d}" for number in range(count))


def submit_apart(queue: Queue, jobs: list[Jsonb]) -> None:
    """A batch, on a connection of its own."""
    with psycopg.connect(queue.conn.info.dsn, options="-c search_path=stepmill") as conn:
        conn.execute("SELECT submit_batch_v1(%s::jsonb[])", (jobs,))


def claim_apart(queue: Queue, count: int) -> None:
    """Claims, each committed, on a connection of their own."""
    with psycopg.connect(queue.conn.info.dsn, autocommit=True, options="-c search_path=stepmill") as conn:
        for _ in range(count):
            conn.execute(_FETCH, (["T", "U"],))


def rows_read(queue: Queue) -> int:
    """How many rows and index entries of tickets this session has read."""
    queue.conn.execute("SELECT pg_stat_force_next_flush()")
    row = queue.conn.execute(
        "SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'procrastinate_jobs')"
        " + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'procrastinate_jobs')"
    ).fetchone()
    assert row is not None
    return int(row[0])


def served_before(queue: Queue, count: int, types: tuple[str, ...] = TYPES) -> Counter[str]:
    """How many jobs of each tenant are claimed before so many of tenant b are."""
    served: Counter[str] = Counter()
    while served["b"] < count:
        job = queue.claim(1, types)
        assert job, f"nothing is left after {served}"
        served[job[0][0]] += 1
    return served


@pytest.mark.parametrize("rounds", [1, 50])
def test_a_tenant_with_jobs_of_many_types_has_one_turn(queue: Queue, rounds: int) -> None:
    for _ in range(rounds):
        for job_type in TYPES:
            queue.submit("a", 400 // rounds, type=job_type)
    queue.claim(40, TYPES)
    queue.submit("b", 10)
    # Tags that were given while a tenant had fewer types are not changed: 1 + 1/2 + 1/3 + 1/4 turns at the most.
    assert served_before(queue, 10)["a"] <= (22 if rounds == 1 else 14)


def test_types_of_one_batch_share_the_turn(queue: Queue) -> None:
    jobs = [queue.job("a", type=job_type) for _ in range(100) for job_type in TYPES]
    queue.conn.execute("SELECT submit_batch_v1(%s::jsonb[])", (jobs,))
    queue.submit("b", 10)
    assert served_before(queue, 10)["a"] <= 12


@pytest.mark.parametrize("count", [2, 17])
def test_types_that_are_filled_one_after_the_other_have_less_than_three_turns(queue: Queue, count: int) -> None:
    types = many_types(count)
    for job_type in types:
        queue.submit("a", 200, type=job_type)
    queue.submit("b", 10, type=types[0])
    assert served_before(queue, 10, types)["a"] < 30


def test_who_has_a_few_jobs_of_each_type_loses_no_turns_by_that(queue: Queue) -> None:
    types = many_types(17)
    queue.submit("a", 1_000)
    jobs = [queue.job("b", type=job_type) for job_type in types] + [queue.job("b") for _ in range(10)]
    queue.conn.execute("SELECT submit_batch_v1(%s::jsonb[])", (jobs,))
    assert served_before(queue, 27, ("T", *types))["a"] <= 30


def test_jobs_that_nobody_serves_take_no_turns(queue: Queue) -> None:
    say_hello(queue, "T")
    for job_type in ("U", "V", "W"):
        queue.submit("b", 5, type=job_type)
    queue.submit("a", 1_000)
    queue.submit("b", 10)
    assert served_before(queue, 10, ("T",))["a"] <= 12


@pytest.mark.parametrize("types", [("T",), ("T", "U"), ("T", "U", "V")])
def test_who_comes_again_at_once_has_had_the_turn(queue: Queue, types: tuple[str, ...]) -> None:
    """A tenant that submits its next job of each type when the last one begins, and another that has a backlog."""
    say_hello(queue, *TYPES)
    queue.submit("b", 10)
    served: Counter[str] = Counter()
    waiting: set[str] = set()
    while served["b"] < 10:
        for job_type in set(types[-2:]) - waiting:
            queue.submit("a", 1, type=job_type)
            waiting.add(job_type)
        row = queue.conn.execute(_FETCH, (list(types),)).fetchone()
        assert row is not None
        served[row[0][0]] += 1
        if row[0][0] == "a":
            waiting.discard(row[1])
        assert served["a"] < 30


@pytest.mark.parametrize("load", [0.7, 0.9])
def test_who_comes_all_the_time_leaves_its_turns_to_one_with_a_backlog(queue: Queue, load: float) -> None:
    types = many_types(9)
    say_hello(queue, *types)
    queue.submit("b", 150, type=types[0])
    chance = random.Random(1)
    served: Counter[str] = Counter()
    for _ in range(120):
        if chance.random() < load:
            queue.submit("a", 1, type=chance.choice(types[1:]))
        served[queue.claim(1, types)[0][0]] += 1
    assert served["b"] >= 45, served


def test_a_type_at_its_limit_is_no_measure_for_another(queue: Queue) -> None:
    say_hello(queue, *TYPES)
    queue.submit("c", 5)
    queue.submit("b", 260, type="U")
    queue.conn.execute("SELECT set_config('stepmill.type_limits', '{\"T\": 1}', false)")
    queue.claim(200, TYPES)
    queue.conn.execute("DELETE FROM procrastinate_jobs WHERE status = 'doing'")
    queue.claim(1, TYPES)  # of T, whose place is free again
    served: Counter[str] = Counter()
    claimed = "a"
    for _ in range(60):
        if claimed == "a":
            queue.submit("a", 1, type="V")
        claimed = queue.claim(1, TYPES)[0][0]
        served[claimed] += 1
    assert served["b"] >= 25


def test_batches_at_once_get_places_one_after_the_other(queue: Queue) -> None:
    say_hello(queue, "T")
    jobs = [[queue.job("a") for _ in range(100)] for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda batch: submit_apart(queue, batch), jobs))
    queue.submit("b", 10)
    assert served_before(queue, 10)["a"] <= 12


def test_claims_at_once_bring_a_type_in_step_once(queue: Queue) -> None:
    say_hello(queue, "T", "U")
    queue.submit("a", 600, type="U")
    queue.submit("c", 600)
    for _ in range(30):
        queue.conn.execute("UPDATE procrastinate_jobs SET status = 'todo'")
        queue.conn.execute("UPDATE procrastinate_jobs SET tag = tag % 100000 + 100000 WHERE queue_name = 'T'")
        queue.conn.execute("TRUNCATE queue_served, queue_clocks")
        queue.conn.execute("INSERT INTO queue_served VALUES ('T', 0, 100000, now())")
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: claim_apart(queue, 3), range(4)))
        row = queue.conn.execute("SELECT behind FROM queue_clocks WHERE type = 'U'").fetchone()
        assert row is not None
        assert 99_000 < row[0] < 101_000


def test_what_is_not_due_costs_a_claim_nothing(queue: Queue) -> None:
    """However much it is: the claim finds by an index that none is due, and that one is."""
    queue.conn.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at, tenant, ready)"
        " SELECT 'T', 'stepmill.run', '{}', now() + interval '1 day', 'a', false FROM generate_series(1, 20000)"
    )
    queue.submit("b", 1, runAt=later())
    queue.submit("b", 1)
    queue.conn.execute("ANALYZE procrastinate_jobs")
    before = rows_read(queue)
    assert len(queue.claim(5, TYPES)) == 1
    assert rows_read(queue) - before < 500
    queue.conn.execute("UPDATE jobs SET run_at = now() WHERE tenant_id = 'b'")
    queue.conn.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE tenant = 'b' AND NOT ready")
    before = rows_read(queue)
    assert len(queue.claim(5, TYPES)) == 1
    assert rows_read(queue) - before < 500


def test_a_backlog_that_is_due_holds_nobody_back(queue: Queue) -> None:
    queue.submit("a", 3_000, runAt=later())
    queue.submit("b", 10, runAt=later())
    queue.submit("b", 1, runAt=later(), priority=50)
    let_time_pass(queue)
    assert queue.claim(1, TYPES)[0].startswith("b")  # by its priority, however many are due before it
    assert served_before(queue, 10)["a"] <= 12


def test_however_many_flows_are_due_each_has_its_place_soon(queue: Queue) -> None:
    for number in range(700):
        queue.submit(f"a{number:04d}", 2, runAt=later())
    queue.submit("b", 1, runAt=later())
    let_time_pass(queue)
    queue.claim(15, TYPES)
    ready = queue.conn.execute("SELECT FROM procrastinate_jobs WHERE tenant = 'b' AND ready").rowcount
    assert ready == 1
    assert len(queue.claim(2_000, TYPES)) == 1_386


@pytest.mark.parametrize("forgotten", [1, 300])
def test_jobs_of_a_type_that_nobody_served_do_not_go_before_all_others(queue: Queue, forgotten: int) -> None:
    queue.conn.execute("INSERT INTO workers (worker_id, host, pid, version, types) VALUES ('w', 'h', 1, '0', '{T}')")
    queue.submit("a", forgotten, type="U")
    queue.submit("c", 1_000)
    queue.claim(900, ("T",))
    queue.submit("a", 300 - forgotten, type="U")  # while the forgotten one is there
    queue.submit("b", 10)
    assert served_before(queue, 10)["a"] <= 16


def test_a_type_is_in_step_again_also_after_a_crash_of_the_server(queue: Queue) -> None:
    queue.submit("a", 300, type="U")
    queue.submit("c", 400)
    queue.claim(200, ("T",))
    queue.submit("d", 1)
    queue.claim(10, ("T", "U"))
    queue.conn.execute("TRUNCATE queue_served")  # unlogged
    queue.submit("b", 10)
    assert served_before(queue, 10)["a"] <= 16


def _live(queue: Queue, chance: random.Random) -> None:
    """Tenants submit, time passes, workers of several types claim."""
    for _ in range(chance.randint(1, 20)):
        what = chance.random()
        if what < 0.5:
            asked = {"runAt": later()} if chance.random() < 0.2 else {}
            queue.submit(chance.choice("aacd"), chance.choice([1, 5, 20, 100]), type=chance.choice(TYPES), **asked)
        elif what < 0.55:
            let_time_pass(queue)
        else:
            queue.claim(chance.choice([1, 5, 20, 100]), tuple(chance.sample(TYPES, chance.choice([1, 1, 2, 4]))))


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 100))])
def test_whatever_happened_before_ten_jobs_wait_for_less_than_thirty_of_another_tenant(queue: Queue, seed: int) -> None:
    chance = random.Random(seed)
    _live(queue, chance)
    queue.submit("b", 10, type=chance.choice(TYPES))
    served = served_before(queue, 10)
    assert max(served.values()) < 30
