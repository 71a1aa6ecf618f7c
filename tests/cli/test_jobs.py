"""`stepmill jobs` against a real server with a job type of another package."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import PLUGIN
from tests.cli.processes import Serve, clean_environment, serving, wait_until
from tests.support.processes import TIGHT, frozen


def submit(server: Serve, *params: str) -> str:
    """Submit a job and give its id."""
    return str(json.loads(server.run("jobs", "submit", "CLI_TEST", *params, "--json").stdout)["jobId"])


def test_a_job_is_submitted_and_followed_to_its_end(server: Serve) -> None:
    result = server.run("jobs", "submit", "CLI_TEST", "count:=7", "--watch", COLUMNS="200")
    assert result.returncode == 0
    assert "First DONE in" in result.stderr
    assert "warning Second thoughts." in result.stderr
    assert "count: 7" in result.stdout
    assert result.stdout.count("DONE") == 3  # the job and its two steps


def test_a_job_that_fails_says_why(server: Serve) -> None:
    result = server.run("jobs", "submit", "CLI_TEST", "then=fail", "--watch", COLUMNS="200")
    assert result.returncode == 1
    assert "no_good It is no good." in result.stdout
    assert "line 3: x" in result.stdout


def test_a_failed_job_is_retried_from_a_step(server: Serve) -> None:
    job_id = submit(server, "then=fail")
    assert server.run("jobs", "watch", job_id).returncode == 1
    again = server.run("jobs", "retry", job_id, "--from-step", "First", "--watch", "--json")
    assert again.returncode == 1
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert (events[0]["event"], events[-1]["event"]) == ("snapshot", "end")  # it may have ended before one looks
    job = json.loads(server.run("jobs", "show", job_id, "--json").stdout)
    assert [(step["attempt"], step["status"]) for step in job["steps"]] == [(2, "DONE"), (2, "ERROR")]


def test_a_cancelled_job_is_told_apart(server: Serve) -> None:
    job_id = submit(server, "then=wait")
    command = [sys.executable, "-m", "stepmill.cli", "jobs", "watch", job_id, f"--data-dir={server.data_dir}"]
    with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        with server.connect() as client:
            wait_until(lambda: client.get_job(job_id)["steps"][1]["status"] == "RUNNING")
        assert server.run("jobs", "cancel", job_id).returncode == 0
        assert watching.wait(30) == 4
    second = server.run("jobs", "cancel", job_id)
    assert second.returncode == 5
    assert "The job has ended already." in second.stderr


def test_jobs_are_listed_and_shown(server: Serve) -> None:
    job_id = submit(server, "count:=3")
    with server.connect() as client:
        client.wait_for_job(job_id)
    listed = json.loads(server.run("jobs", "list", "--type", "CLI_TEST", "--limit", "1", "--json").stdout)
    assert [job["jobId"] for job in listed["items"]] == [job_id]
    for width in ({"COLUMNS": "200"}, {"COLUMNS": "80"}, {"COLUMNS": "30"}, {}):
        assert job_id in server.run("jobs", "list", **width).stdout
    shown = json.loads(server.run("jobs", "show", job_id, "--json").stdout)
    assert shown["result"] == {"count": 3}


def test_why_a_job_waits_is_shown(server: Serve) -> None:
    result = server.run("jobs", "submit", "CLI_TEST", "--run-at", "2100-01-01T00:00:00Z", "--json")
    job_id = json.loads(result.stdout)["jobId"]
    assert "2100-01-01" in server.run("jobs", "show", job_id, COLUMNS="200").stdout
    assert server.run("jobs", "cancel", job_id).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["show", "j_nowhere"], "See the jobs with `stepmill jobs list`."),
        (["submit", "NO_SUCH_TYPE"], "CLI_TEST"),
        (["submit", "CLI_TEST", "count=many"], "/params/count"),
        (["submit", "CLI_TEST", "--env", "elsewhere"], "elsewhere"),
        (["list", "--cursor", "nonsense"], "cursor"),
    ],
)
def test_what_the_server_refuses(server: Serve, arguments: list[str], text: str) -> None:
    result = server.run("jobs", *arguments, COLUMNS="200")
    assert result.returncode == 5
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_ctrl_c_stops_watching_and_not_the_job(server: Serve) -> None:
    job_id = submit(server, "then=wait")
    command = [sys.executable, "-m", "stepmill.cli", "jobs", "watch", job_id, "--json", f"--data-dir={server.data_dir}"]
    with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 130
        assert watching.stderr is not None
        assert b"Traceback" not in watching.stderr.read()
    with server.connect() as client:
        assert client.get_job(job_id)["status"] in ("PENDING", "RUNNING")
        client.cancel_job(job_id)
        assert client.wait_for_job(job_id)["status"] == "CANCELLED"


@pytest.mark.slow
def test_a_killed_workers_job_goes_on_within_seconds(server: Serve) -> None:
    """Not after the 12 s that a silent worker has: the supervisor knows at once."""
    job_id = submit(server, "then=wait")
    with server.connect() as client:
        wait_until(lambda: client.get_job(job_id)["steps"][1]["status"] == "RUNNING")
        server.child("stepmill.cli worker").kill()
        began = time.monotonic()
        wait_until(lambda: client.get_job(job_id)["attempt"] == 2)
        assert time.monotonic() - began < 10
        assert [step["attempt"] for step in client.get_job(job_id)["steps"]] == [1, 2]
        client.cancel_job(job_id)
        assert client.wait_for_job(job_id)["status"] == "CANCELLED"


@pytest.mark.slow
def test_a_frozen_workers_job_is_cancelled_without_it(folder: Path) -> None:
    """It is never taken for dead here: the api carries the cancel out by itself."""
    environment = {"PYTHONPATH": str(PLUGIN), "STEPMILL_DEAD_AFTER_SECONDS": "600"}
    with serving(folder / "data", **environment) as running, running.connect() as client:
        job_id = submit(running, "then=wait")
        wait_until(lambda: client.get_job(job_id)["steps"][1]["status"] == "RUNNING")
        worker = running.child("stepmill.cli worker")
        with frozen(worker):
            client.cancel_job(job_id)
            wait_until(lambda: client.get_job(job_id)["status"] == "CANCELLED")
        error = client.get_job(job_id)["steps"][1]["error"]
        assert error is not None
        assert error["details"]["stoppedAfterMs"] > 0
        after = submit(running)
        assert client.wait_for_job(after)["status"] == "DONE"  # by the same worker, which has woken
        assert running.child("stepmill.cli worker") == worker


@pytest.mark.slow
def test_a_frozen_worker_is_replaced_and_its_job_goes_on(folder: Path) -> None:
    with serving(folder / "data", PYTHONPATH=str(PLUGIN), **TIGHT) as running, running.connect() as client:
        job_id = submit(running, "then=wait")
        wait_until(lambda: client.get_job(job_id)["steps"][1]["status"] == "RUNNING")
        worker = running.child("stepmill.cli worker")
        with frozen(worker):
            wait_until(lambda: client.get_job(job_id)["attempt"] == 2)
            assert not worker.is_running()
        assert running.has_child("stepmill.cli worker", other_than=worker)
        client.cancel_job(job_id)
        assert client.wait_for_job(job_id)["status"] == "CANCELLED"
