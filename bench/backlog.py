"""A million queued jobs: what taking the next one costs, and what looking at them does.

5,000 wait for one lock, 100,000 have a lock of their own and as many are for tomorrow. ``STEPMILL_BENCH_JOBS`` takes
fewer.
"""

import os
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
from psycopg.types.json import Jsonb

from bench.api_process import api_process
from bench.report import Row, at_most
from bench.server import migrated_server
from stepmill.gateways.sql.database import session_url

JOBS = int(os.environ.get("STEPMILL_BENCH_JOBS", "1000000"))
ONE_LOCK = JOBS // 200
OWN_LOCK = JOBS // 10
CLAIM_BAR_MS = 5.0
PAGE_BAR_MS = 30.0
TITLE = f"{JOBS:,} queued jobs"

_AT_ONCE = 5_000
_CLAIMS = 2_000
_BATCH = 10
_PAGES = 40
_TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
_TYPES = ["BARS_WORK", "BARS_TALK", "BARS_FAIL"]

_CLAIM = "SELECT (ticket).args ->> 'jobId', begun FROM claim_v1(%s, %s, %s, 'bench')"
_BEGIN = "SELECT begin_attempt_v1(%s, 'bench', NULL)"
# It says that it is alive once and for all, as the api would give its jobs to others.
_WORKER = """
INSERT INTO workers (worker_id, host, pid, version, types, last_seen_at)
VALUES ('bench', '', 0, '', '{}', now() + interval '1 day')
"""
_FINISH = "SELECT finish_step_v1(%s, 1, %s::smallint, '{}', NULL)"


async def measure_rows() -> list[Row]:
    """The figures as a table."""
    async with migrated_server() as (url, blobs):
        began = time.perf_counter()
        with psycopg.connect(session_url(url), autocommit=True) as conn:
            _fill(conn)
            filled = time.perf_counter() - began
            async with api_process(url, blobs) as client:
                pages = await _pages(client)
                claims = _claims(conn, 1)
                batches = _claims(conn, _BATCH)
                handed_over = _hand_over(conn)
    return [
        Row("waiting for one lock; with locks of their own; for tomorrow", f"{ONE_LOCK:,}; {OWN_LOCK:,}; {OWN_LOCK:,}"),
        Row("submitting them, by SQL", f"{JOBS / filled:,.0f} jobs/s"),
        at_most("claim and begin, median", statistics.median(claims), CLAIM_BAR_MS, " ms"),
        Row("the same, 99th percentile", f"{sorted(claims)[int(len(claims) * 0.99)]:.2f} ms"),
        Row(f"{_BATCH} claimed at once and begun, median", f"{statistics.median(batches):.2f} ms"),
        Row("the lock's release to the next in line", f"{handed_over:.2f} ms"),
        *(
            at_most(f"GET /api/jobs: {name}, median", statistics.median(each), PAGE_BAR_MS, " ms")
            for name, each in pages.items()
        ),
    ]


async def _pages(client: httpx.AsyncClient) -> dict[str, list[float]]:
    """Milliseconds of each look at a page, by what was asked."""
    took = {
        "newest": await _look(client, {}),
        "PENDING": await _look(client, {"status": "PENDING"}),
        "one type, one environment": await _look(client, {"type": "BARS_TALK", "envId": "default"}),
        "a type of which there are none": await _look(client, {"type": "BARS_WORK"}),
        "none RUNNING": await _look(client, {"status": "RUNNING"}),
    }
    cursor: str | None = None
    for _ in range(_PAGES):
        page = (await client.get("/api/jobs", params={"limit": 500} | ({"cursor": cursor} if cursor else {}))).json()
        cursor = page.get("nextCursor") or cursor
    return took | {"50 a page, 20,000 jobs further on": await _look(client, {"cursor": str(cursor)})}


async def _look(client: httpx.AsyncClient, query: dict[str, str]) -> list[float]:
    took = []
    for _ in range(_PAGES):
        began = time.perf_counter()
        answer = await client.get("/api/jobs", params=query)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
    return took


def _fill(conn: psycopg.Connection[Any]) -> None:
    """All jobs, those with locks spread evenly among them."""
    conn.execute("SET ROLE stepmill_engine")
    for start in range(0, JOBS, _AT_ONCE):
        jobs = [Jsonb(_job(number)) for number in range(start, min(JOBS, start + _AT_ONCE))]
        conn.execute("SELECT submit_batch_v1(%s::jsonb[])", (jobs,))
    conn.execute(_WORKER)
    for number in range(0, JOBS, JOBS // ONE_LOCK):  # the first has the lock, the others wait for it
        conn.execute(_BEGIN, (_id(number),))
        conn.execute("DELETE FROM procrastinate_jobs WHERE args ->> 'jobId' = %s", (_id(number),))
    conn.execute("RESET ROLE")
    conn.execute("ANALYZE")  # as autovacuum does by itself within a minute
    conn.execute("SET ROLE stepmill_engine")


def _id(number: int) -> str:
    return f"job_{number:09d}"


def _job(number: int) -> dict[str, Any]:
    job: dict[str, Any] = {
        "jobId": _id(number),
        "tenantId": "local",
        "envId": "default",
        "type": _TYPES[number % 3],
        "params": {"envId": "default", "number": number},
        "steps": [{"name": name, "always": False} for name in ("One", "Two", "Three")],
        "maxAttempts": 5,
        "priority": (0, 0, 0, 10)[number % 4],
        "resultStep": 2,
        "createdBy": "bench",
    }
    if number % (JOBS // ONE_LOCK) == 0:
        job |= {"lockKey": "local/the one", "lockFrom": 0, "lockTo": 2}
    elif number % 10 == 1:
        job |= {"lockKey": f"local/own {number}", "lockFrom": 0, "lockTo": 2}
    elif number % 10 == 2:
        job |= {"runAt": _TOMORROW}
    return job


def _claims(conn: psycopg.Connection[Any], at_once: int) -> list[float]:
    """Milliseconds of each claim of so many with their beginnings, as a worker makes it."""
    worker = conn.execute("SELECT * FROM procrastinate_register_worker_v1()").fetchone()
    assert worker is not None
    took = []
    for _ in range(_CLAIMS // at_once):
        began = time.perf_counter()
        claimed = conn.execute(_CLAIM, (_TYPES, worker[0], at_once)).fetchall()
        answers = [begun or _begin(conn, job) for job, begun in claimed]
        took.append((time.perf_counter() - began) * 1000)
        assert [answer["outcome"] for answer in answers] == ["run"] * at_once
    return took


def _begin(conn: psycopg.Connection[Any], job: str) -> dict[str, Any]:
    row = conn.execute(_BEGIN, (job,)).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


def _hand_over(conn: psycopg.Connection[Any]) -> float:
    """Milliseconds that the end of the job with the one lock takes: it lets the next in line go."""
    for step in range(2):
        conn.execute(_FINISH, (_id(0), step))
    began = time.perf_counter()
    conn.execute(_FINISH, (_id(0), 2))
    took = (time.perf_counter() - began) * 1000
    waiting = conn.execute("SELECT count(*) FROM jobs WHERE waiting_lock IS NOT NULL").fetchone()
    assert waiting == (ONE_LOCK - 2,)
    return took
