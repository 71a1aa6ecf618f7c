"""That jobs written by SQL look and move as real ones do, or the bar that they drive would mean nothing."""

from collections import defaultdict
from itertools import pairwise

import pytest

from stepmill.client import Client
from tests.cli.processes import Serve
from tests.console.many_jobs import WORKER, changing, many_jobs, superuser

LEGAL = {("PENDING", "RUNNING"), ("RUNNING", "ERROR"), ("ERROR", "PENDING"), ("CANCELLED", "PENDING")}

pytestmark = pytest.mark.slow


def test_many_jobs_are_listed_newest_first_in_every_status(server: Serve, client: Client) -> None:
    with many_jobs(server, 400) as ids:
        page = client.list_jobs(limit=400, q="file_many")
        assert [job["jobId"] for job in page["items"]] == ids
        assert {job["status"] for job in page["items"]} == {"PENDING", "RUNNING", "DONE", "ERROR", "CANCELLED"}
        for job in page["items"][:20]:
            assert len(job["steps"]) == 3
            assert next(iter(client.stream_job(job["jobId"]))).kind == "snapshot"
    assert client.list_jobs(q=ids[0])["items"] == []


def test_their_changes_are_legal_reach_the_feed_and_are_nobody_elses(server: Serve, client: Client) -> None:
    seen: dict[str, list[str]] = defaultdict(list)
    with many_jobs(server, 100) as ids:
        feed = client.stream_all()
        with changing(server, ids, per_second=200) as changes:
            for _ in range(300):
                event = next(feed)
                seen[event.data["jobId"]].append(event.data["status"])
        assert changes.made >= 300
        with superuser(server) as conn:
            workers = conn.execute("SELECT DISTINCT worker_id FROM job_attempts WHERE job_id = ANY(%s)", (ids,))
            assert workers.fetchall() == [(WORKER,)]
    assert set(seen) <= set(ids)
    moves = {move for statuses in seen.values() for move in pairwise(statuses)}
    assert moves
    assert moves <= LEGAL
