"""The order of tickets between tenants, and how many jobs may run at once."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from procrastinate.jobs import Job
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from stepmill.auth import Principal
from stepmill.engine.queue import TicketQueue
from stepmill.engine.read import get_job
from stepmill.engine.requests import JobRequest
from stepmill.engine.submit import submit_job
from stepmill.engine.sweep import Sweeper
from tests.engine import job_types
from tests.support.database import DatabaseServer
from tests.support.engine import CALLER, Bench

OTHER = Principal("other", "tester", frozenset({"administrator"}))


class Queue:
    """Tickets that are issued and claimed by the database's own functions, without a worker."""

    def __init__(self, conn: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self.conn = conn
        self._count = 0

    def submit(self, tenant: str, count: int = 1, **asked: object) -> None:
        """So many jobs of a tenant, named after it and numbered."""
        jobs = [self.job(tenant, **asked) for _ in range(count)]
        self.conn.execute("SELECT submit_v1(job) FROM unnest(%s::jsonb[]) AS job", (jobs,))

    def claim(self, count: int, types: tuple[str, ...] | None = None) -> list[str]:
        """The ids of the jobs whose tickets come next."""
        query = "SELECT args ->> 'jobId' FROM procrastinate_fetch_job_v2(%s, NULL)"
        wanted = list(types) if types else None
        return [row[0] for _ in range(count) if (row := self.conn.execute(query, (wanted,)).fetchone()) and row[0]]

    def job(self, tenant: str, **asked: object) -> Jsonb:
        """A job, as it is submitted."""
        self._count += 1
        job: dict[str, object] = {"jobId": f"{tenant}{self._count:05d}", "tenantId": tenant, "envId": "e", "type": "T"}
        job |= {"params": {}, "steps": [{"name": "One", "always": False}], "maxAttempts": 5, "priority": 0}
        return Jsonb(job | {"resultStep": 0, "createdBy": "test"} | asked)


@pytest.fixture
def queue(database_server: DatabaseServer, database_url: str) -> Iterator[Queue]:
    url = database_server.url_of(str(conninfo_to_dict(database_url)["dbname"]), user="postgres")
    with psycopg.connect(url, autocommit=True, options="-c search_path=stepmill") as conn:
        yield Queue(conn)


def test_a_tenant_with_few_jobs_does_not_stand_behind_one_with_many(queue: Queue) -> None:
    queue.submit("a", 2_000)
    assert len(queue.claim(50)) == 50
    queue.submit("b", 10)
    following = queue.claim(20)
    assert sum(job.startswith("b") for job in following) == 10
    assert [job[0] for job in following[:4]] in (list("abab"), list("baba"))


def test_one_that_comes_back_has_no_credit_for_its_absence(queue: Queue) -> None:
    queue.submit("a", 100)
    queue.submit("b", 100)
    queue.claim(100)
    queue.submit("c", 100)
    assert sorted(job[0] for job in queue.claim(30)) == sorted("abc" * 10)


def test_tenants_take_turns_in_every_priority_and_priority_goes_first(queue: Queue) -> None:
    queue.submit("a", 5)
    queue.submit("a", 5, priority=7)
    queue.submit("b", 2, priority=7)
    queue.submit("b", 2)
    order = "".join(job[0] for job in queue.claim(14))
    assert (sorted(order[:4]), order[4:7], sorted(order[7:11]), order[11:]) == (
        list("aabb"),
        "aaa",
        list("aabb"),
        "aaa",
    )


def test_types_share_one_order_for_who_serves_them_all(queue: Queue) -> None:
    queue.submit("a", 500)
    queue.claim(100, ("T", "U"))
    queue.submit("b", 5, type="U")
    assert sum(job.startswith("b") for job in queue.claim(10, ("T", "U"))) == 5
    assert queue.claim(1, ("U",)) == []


def test_types_share_one_order_also_while_no_worker_is_there(queue: Queue) -> None:
    queue.submit("a", 500)
    queue.claim(100, ("T", "U"))
    queue.conn.execute("DELETE FROM workers")
    queue.conn.execute("TRUNCATE queue_served")
    queue.submit("b", 50, type="U")
    assert sum(job.startswith("b") for job in queue.claim(20, ("T", "U"))) == 10


def test_what_is_set_for_later_is_not_in_the_way_and_takes_its_place_when_due(queue: Queue) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    queue.submit("b", 3, runAt=later)
    queue.submit("a", 100)
    assert all(job.startswith("a") for job in queue.claim(10))
    queue.conn.execute("UPDATE jobs SET run_at = now() WHERE tenant_id = 'b'")
    queue.conn.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE NOT ready")
    assert sum(job.startswith("b") for job in queue.claim(6)) == 3


def test_a_job_that_began_before_is_next_when_it_comes_back(queue: Queue) -> None:
    queue.submit("a", 100)
    first = queue.claim(1)[0]
    queue.conn.execute("DELETE FROM procrastinate_jobs WHERE status = 'doing'")
    queue.conn.execute("SELECT begin_attempt_v1(%s, 'w')", (first,))
    queue.conn.execute("SELECT rescue_v1(%s, 1, 'crashed', 5)", (first,))
    assert first in queue.claim(2)


def test_one_that_comes_back_from_a_back_off_does_not_stand_behind_its_tenants_new_ones(queue: Queue) -> None:
    queue.submit("a", 1)
    first = queue.claim(1)[0]
    queue.submit("a", 100)
    queue.conn.execute("DELETE FROM procrastinate_jobs WHERE status = 'doing'")
    queue.conn.execute("SELECT begin_attempt_v1(%s, 'w')", (first,))
    error = Jsonb({"code": "x", "message": "x", "retryable": True})
    queue.conn.execute("SELECT fail_step_v1(%s, 1, 0::smallint, %s, 60, 60)", (first, error))
    queue.conn.execute("UPDATE jobs SET run_at = now() WHERE job_id = %s", (first,))
    queue.conn.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE NOT ready")
    assert first in queue.claim(2)


def test_a_type_that_stands_still_is_no_measure_for_another(queue: Queue) -> None:
    worker = "INSERT INTO workers (worker_id, host, pid, version, types) VALUES ('w', 'h', 1, '0', '{X,Y,Z}')"
    queue.conn.execute(worker)
    queue.submit("c", 1, type="Y")
    queue.submit("a", 400, type="Z")
    served = queue.claim(200, ("X", "Z"))
    queue.conn.execute("DELETE FROM procrastinate_jobs WHERE status = 'doing'")
    assert len(served) == 200
    queue.submit("b", 150, type="X")
    following = "".join(job[0] for job in queue.claim(60, ("X", "Z")))
    assert abs(following.count("a") - 30) <= 3


def _come_back(queue: Queue, how: str) -> None:
    """All of tenant a's jobs, which have begun before."""
    jobs = [row[0] for row in queue.conn.execute("SELECT job_id FROM jobs WHERE tenant_id = 'a' ORDER BY 1").fetchall()]
    queue.conn.execute("DELETE FROM procrastinate_jobs")
    error = {"code": "x", "message": "x", "retryable": how == "back-off"}
    for job_id in jobs:
        queue.conn.execute("SELECT begin_attempt_v1(%s, 'w')", (job_id,))
        if how == "rescue":
            queue.conn.execute("SELECT rescue_v1(%s, 1, 'crashed', 5)", (job_id,))
            continue
        queue.conn.execute("SELECT fail_step_v1(%s, 1, 0::smallint, %s, 60, 60)", (job_id, Jsonb(error)))
        if how == "retry":
            queue.conn.execute("SELECT retry_v1(%s, NULL)", (job_id,))
    queue.conn.execute("UPDATE jobs SET run_at = now() WHERE waiting ->> 'code' = 'backoff'")
    queue.conn.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE NOT ready")


@pytest.mark.parametrize("how", ["rescue", "back-off", "retry"])
def test_however_many_come_back_they_do_not_pass_another_tenants(queue: Queue, how: str) -> None:
    queue.submit("a", 60)
    _come_back(queue, how)
    queue.submit("b", 10)
    queue.claim(1)  # whatever became due takes its place first
    assert sum(job.startswith("b") for job in queue.claim(25)) == 10


def test_those_that_come_back_are_served_with_their_tenants_new_ones(queue: Queue) -> None:
    queue.submit("a", 10)
    _come_back(queue, "rescue")
    queue.submit("a", 100)
    first = queue.claim(10)
    assert first == [f"a{number:05d}" for number in range(1, 11)]


def test_two_claims_at_once_get_two_tickets(queue: Queue) -> None:
    queue.submit("a", 2)
    with psycopg.connect(queue.conn.info.dsn, options="-c search_path=stepmill") as second:
        taken = Queue(second).claim(1)
        assert sorted([*taken, *queue.claim(2)]) == ["a00001", "a00002"]


async def test_tenant_b_is_done_before_the_thirtieth_of_tenant_a_that_still_waited(bench: Bench) -> None:
    bench.settings.worker_concurrency = 1
    async with bench.database.transaction("stepmill_api", tenant=OTHER.tenant_id) as conn:
        await conn.execute(
            "INSERT INTO environments (env_id, tenant_id, name, schema_name) VALUES ('theirs', 'other', 'x', 'x')"
        )
    ours = [(await bench.submit("PLAIN"))["jobId"] for _ in range(100)]
    body = JobRequest.model_validate({"type": "PLAIN", "envId": "theirs", "params": {}})
    theirs = [(await submit_job(bench.engine, OTHER, body))[0]["jobId"] for _ in range(10)]
    async with bench.worker():
        await bench.follow(ours[29])
        rows = await bench.rows("SELECT job_id FROM jobs WHERE status = 'DONE' AND job_id = ANY(%s)", theirs)
    assert len(rows) == 10


async def test_no_more_jobs_of_a_type_run_than_its_limit(bench: Bench) -> None:
    bench.settings.type_limits, bench.settings.worker_concurrency = {"WITH_RELEASE": 2}, 4
    jobs = [(await bench.submit("WITH_RELEASE", params={"key": "types"}))["jobId"] for _ in range(3)]
    async with bench.worker(), bench.worker("worker-2"):
        await bench.until("SELECT FROM stepmill.workers HAVING sum(running_jobs) = 2")
        other = await bench.submit("PLAIN")
        assert (await bench.follow(other["jobId"]))["status"] == "DONE"
        waiting = (await get_job(bench.engine, CALLER, jobs[2]))["waiting"]
        assert waiting["code"] == "limit"
        assert waiting["message"].startswith("2 jobs of type WITH_RELEASE run, which is its limit")
        job_types.gate("types").set()
        assert [(await bench.follow(job_id))["status"] for job_id in jobs] == ["DONE"] * 3


async def test_no_more_jobs_of_a_tenant_run_than_its_limit(bench: Bench) -> None:
    bench.settings.tenant_limits, bench.settings.worker_concurrency = {"*": 2}, 4
    jobs = [(await bench.submit("WITH_RELEASE", params={"key": "tenants"}))["jobId"] for _ in range(6)]
    async with bench.worker(), bench.worker("worker-2"):
        await bench.until("SELECT FROM stepmill.jobs WHERE waiting ->> 'code' = 'limit' HAVING count(*) = 4")
        assert len(await bench.rows("SELECT 1 FROM job_attempts WHERE ended_at IS NULL")) == 2
        waiting = (await get_job(bench.engine, CALLER, jobs[5]))["waiting"]
        assert (waiting["code"], waiting["limit"]) == ("limit", 2)
        assert waiting["message"].startswith("2 jobs of tenant local run, which is its limit")
        assert await bench.rows("SELECT 1 FROM procrastinate_jobs WHERE status = 'todo'") == []
        job_types.gate("tenants").set()
        assert [(await bench.follow(job_id))["status"] for job_id in jobs] == ["DONE"] * 6


async def test_a_sweep_wakes_those_aside_that_nobody_woke(bench: Bench) -> None:
    """The limit was raised, say, or taken away."""
    bench.settings.tenant_limits = {"*": 1}
    await bench.rows("INSERT INTO workers (worker_id, host, pid, version, types) VALUES ('w', 'h', 1, '1', '{}')")
    held, aside = [(await bench.submit("PLAIN"))["jobId"] for _ in range(2)]
    for job_id in (held, aside):
        await bench.rows("SELECT begin_attempt_v1(%s, 'w', '{\"*\": 1}')", job_id)
    await bench.rows("DELETE FROM procrastinate_jobs")
    for limits, tickets in (({"*": 1}, 0), ({"local": 2, "*": 1}, 1)):
        bench.settings.tenant_limits = limits
        async with bench.database.autocommit() as conn:
            await Sweeper(bench.engine).sweep(conn)
        assert len(await bench.rows("SELECT 1 FROM procrastinate_jobs WHERE args ->> 'jobId' = %s", aside)) == tickets


async def test_a_job_that_cannot_begin_keeps_no_other_from_beginning(bench: Bench) -> None:
    broken = await bench.submit("PLAIN", priority=10)
    bench.past_the_guards("DELETE FROM job_event_counters WHERE job_id = %s", broken["jobId"])
    other = await bench.submit("PLAIN")
    async with bench.worker():
        assert (await bench.follow(other["jobId"]))["status"] == "DONE"
    assert await bench.rows("SELECT status FROM jobs WHERE job_id = %s", broken["jobId"]) == [{"status": "PENDING"}]


async def test_a_job_begins_with_the_claim_of_its_ticket(bench: Bench) -> None:
    plain, locked = [await bench.submit(each, params={"key": "k"}) for each in ("PLAIN", "LOCKED")]
    claim = "SELECT (ticket).args ->> 'jobId' AS job, begun ->> 'outcome' AS begun FROM claim_v1(NULL, NULL, 1, 'w')"
    assert await bench.rows(claim) == [{"job": plain["jobId"], "begun": "run"}]
    assert await bench.rows(claim) == [{"job": locked["jobId"], "begun": None}]
    assert await bench.rows("SELECT job_id, worker_id FROM job_attempts") == [
        {"job_id": plain["jobId"], "worker_id": "w"}
    ]


async def test_a_claim_waits_for_nobody_who_is_at_the_job(bench: Bench) -> None:
    job = await bench.submit("PLAIN")
    async with bench.database.transaction("stepmill_engine") as conn:
        await conn.execute("SELECT FROM jobs WHERE job_id = %s FOR UPDATE", (job["jobId"],))
        assert await bench.rows("SELECT begun FROM claim_v1(NULL, NULL, 1, 'w')") == [{"begun": None}]


async def test_as_many_tickets_are_claimed_at_once_as_are_asked_for(bench: Bench) -> None:
    jobs = [await bench.submit("PLAIN") for _ in range(4)]
    claim = "SELECT (ticket).args ->> 'jobId' AS job, begun ->> 'outcome' AS begun FROM claim_v1(NULL, NULL, 3, 'w')"
    assert await bench.rows(claim) == [{"job": job["jobId"], "begun": "run"} for job in jobs[:3]]
    assert await bench.rows(claim) == [{"job": jobs[3]["jobId"], "begun": "run"}]
    assert await bench.rows(claim) == []


async def test_a_job_whose_worker_has_died_begins_alone(bench: Bench) -> None:
    """Else one that kills its worker would take along, time after time, those that begin together with it."""
    killer, other = [await bench.submit("PLAIN") for _ in range(2)]
    claim = "SELECT (ticket).args ->> 'jobId' AS job, begun ->> 'outcome' AS begun FROM claim_v1(NULL, NULL, 10, 'w')"
    assert await bench.rows(claim) == [{"job": job["jobId"], "begun": "run"} for job in (killer, other)]
    await bench.rows("SELECT rescue_v1(job_id, attempt, 'crashed', 5) FROM job_attempts")
    assert await bench.rows(claim) == [{"job": job["jobId"], "begun": None} for job in (killer, other)]
    assert len(await bench.rows("SELECT 1 FROM job_attempts WHERE ended_at IS NULL")) == 0


async def test_what_another_claim_holds_puts_nothing_behind_before_its_turn(bench: Bench) -> None:
    first = await bench.submit("PLAIN", priority=10)
    later = await bench.submit("PLAIN", priority=-10)
    between = await bench.submit("TALKATIVE", priority=0)
    claim = "SELECT args ->> 'jobId' AS job FROM procrastinate_fetch_job_v2(%s, NULL)"
    async with bench.database.transaction("stepmill_engine") as conn:
        row = await (await conn.execute(claim, (["PLAIN", "TALKATIVE"],))).fetchone()
        assert row == {"job": first["jobId"]}
        assert await bench.rows(claim, ["PLAIN", "TALKATIVE"]) == [{"job": between["jobId"]}]
        assert await bench.rows(claim, ["PLAIN", "TALKATIVE"]) == [{"job": later["jobId"]}]
        assert await bench.rows(claim, ["PLAIN", "TALKATIVE"]) == [{"job": None}]


async def test_the_end_of_a_job_takes_the_next_ticket_with_it(bench: Bench) -> None:
    bench.settings.worker_concurrency = 1
    jobs = [await bench.submit("PLAIN") for _ in range(4)]
    async with bench.worker():
        for job in jobs:
            assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    events = await bench.rows("SELECT job_id, xmin::text AS made_by FROM job_events ORDER BY job_id, seq")
    made_by = [[event["made_by"] for event in events if event["job_id"] == job["jobId"]] for job in jobs]
    # The first claim may have found one ticket only, and then nobody knew of more.
    assert [last[-1] in following for last, following in pairwise(made_by)][1:] == [True, True]


async def test_a_job_ends_though_the_next_can_not_begin(bench: Bench) -> None:
    bench.settings.worker_concurrency = 1
    first, broken, last = [await bench.submit("PLAIN", priority=priority) for priority in (3, 2, 1)]
    bench.past_the_guards("DELETE FROM job_event_counters WHERE job_id = %s", broken["jobId"])
    async with bench.worker():
        for job in (first, last):
            assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    assert await bench.rows("SELECT status FROM jobs WHERE job_id = %s", broken["jobId"]) == [{"status": "PENDING"}]


async def test_a_worker_that_stops_gives_back_at_once_what_it_has_claimed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.settings.worker_concurrency, bench.settings.shutdown_grace_seconds = 3, 60.0
    running = await bench.submit("LOCKED", params={"key": "running"}, priority=1)
    plain = await bench.submit("PLAIN")
    locked = await bench.submit("LOCKED", params={"key": "given back"}, priority=-1)
    fetch = TicketQueue.fetch_job
    async with bench.worker() as worker:

        async def fetch_and_stop(queue: TicketQueue, queues: Iterable[str] | None, worker_id: int) -> Job | None:
            job = await fetch(queue, queues, worker_id)
            if job is not None:
                worker.stop()
            return job

        monkeypatch.setattr(TicketQueue, "fetch_job", fetch_and_stop)
        ticket = "SELECT FROM stepmill.procrastinate_jobs WHERE args ->> 'jobId' = %s AND status = 'todo'"
        await bench.until(
            "SELECT FROM stepmill.job_attempts WHERE outcome = 'shutdown' AND job_id = %s", plain["jobId"]
        )
        await bench.until(ticket, locked["jobId"])
        attempts = "SELECT outcome FROM job_attempts WHERE job_id = %s"
        assert await bench.rows(attempts, running["jobId"]) == [{"outcome": None}]
        assert await bench.rows(attempts, locked["jobId"]) == []
        monkeypatch.undo()
        job_types.gate("running").set()
    tickets = "SELECT args ->> 'jobId' AS job, status::text FROM procrastinate_jobs ORDER BY 1"
    assert await bench.rows(tickets) == [{"job": job["jobId"], "status": "todo"} for job in (plain, locked)]
    job_types.gate("given back").set()
    async with bench.worker("worker-2"):
        for job in (running, plain, locked):
            assert (await bench.follow(job["jobId"]))["status"] == "DONE"
