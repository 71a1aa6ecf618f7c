"""A tenant has one turn, whatever types its jobs are of, however many become due at once, whoever was served before."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.test_fair_queue import Queue, queue

__all__ = ["queue"]

TYPES = ("T", "U", "V", "W")


def later() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def let_time_pass(queue: Queue) -> None:
    """What was set for later is due."""
    queue.conn.execute("UPDATE jobs SET run_at = now() - (job_id < 'b')::int * interval '1 s' WHERE run_at > now()")
    queue.conn.execute(
        "UPDATE procrastinate_jobs SET scheduled_at = now() - (tenant = 'a')::int * interval '1 s' WHERE NOT ready"
    )


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
    queue.claim(4, TYPES)
    ready = queue.conn.execute("SELECT FROM procrastinate_jobs WHERE tenant = 'b' AND ready").rowcount
    assert ready == 1
    assert len(queue.claim(2_000, TYPES)) == 1_397


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
