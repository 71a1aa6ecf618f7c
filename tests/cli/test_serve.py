"""`stepmill serve` as its operator meets it: start, ready, in the way of another, the end."""

import json
import re
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.cli.processes import Serve, is_ready, serving, stepmill, wait_until


def test_it_is_ready_when_it_says_so(server: Serve) -> None:
    assert is_ready(server.url)
    assert server.ready["pid"] == server.process.pid


def test_its_link_signs_a_browser_in_once(server: Serve) -> None:
    link = server.run("link").stdout.strip()
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        assert browser.get(link).url == f"{server.url}/"
        assert browser.get(f"{server.url}/api/jobs").status_code == 200
    with httpx.Client(trust_env=False) as another:
        assert another.get(link).status_code == 401


def test_without_a_token_nobody_gets_in(server: Serve) -> None:
    assert httpx.get(f"{server.url}/api/jobs", trust_env=False).status_code == 401


def test_its_note_is_closed_to_other_users(server: Serve) -> None:
    for name in ("server.json", "session-secret"):
        assert (server.data_dir / name).stat().st_mode & 0o077 == 0


def test_a_second_server_on_the_same_folder_is_told_who_has_it(server: Serve) -> None:
    result = server.run("serve", "--port=0")
    assert result.returncode == 6
    assert f"process {server.process.pid}" in result.stderr
    assert server.url in result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port_is_said_before_anything_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = stepmill("serve", f"--port={port}", f"--data-dir={folder / 'data'}")
    assert result.returncode == 6
    assert f"Port {port} of 127.0.0.1 is taken" in result.stderr
    assert not (folder / "data" / "postgres").exists()


def test_the_database_is_open_to_psql(server: Serve) -> None:
    result = server.run("psql", "-At", "-c", "SELECT count(*) FROM pg_namespace WHERE nspname = 'env_default'")
    assert result.stdout.strip() == "1"


def test_migrate_finds_nothing_to_do(server: Serve) -> None:
    assert server.run("migrate", "--json").stdout.strip() == '{"applied": []}'


def test_the_doctor_finds_nothing_to_mend(server: Serve) -> None:
    result = server.run("doctor")
    assert result.returncode == 0, result.stdout
    assert "All is well." in result.stdout


def test_the_doctor_names_what_to_mend(folder: Path) -> None:
    result = stepmill("doctor", "--json", "--database-url=postgresql://127.0.0.1:9/x", f"--data-dir={folder}")
    assert result.returncode == 6
    report = json.loads(result.stdout)
    assert not report["ok"]
    assert "can't be reached" in report["findings"][0]["message"]


def test_it_ends_in_order_and_starts_again_with_its_data(folder: Path) -> None:
    with serving(folder / "data") as first:
        with first.connect() as client:
            client.create_area("default", "kept")
        tree = first.tree()
        assert first.stop() == 0
        assert not [process for process in tree if process.is_running()]
        assert not (folder / "data" / "server.json").exists()
    with serving(folder / "data") as second, second.connect() as client:
        assert [area["name"] for area in client.list_areas("default")["items"]] == ["kept"]


@pytest.mark.slow
def test_it_heals_and_nothing_outlives_it(folder: Path) -> None:
    """Kill the worker, then PostgreSQL, then the server itself with a frozen worker."""
    with serving(folder / "data") as running, running.connect() as client:
        wait_until(client.workers)
        killed = client.workers()[0]["workerId"]
        running.child("stepmill.cli worker").kill()
        wait_until(lambda: [worker for worker in client.workers() if worker["workerId"] != killed])

        database = running.child("bin/postgres")
        database.kill()
        wait_until(lambda: running.has_child("bin/postgres", other_than=database) and is_ready(running.url))
        wait_until(client.workers)

        tree = running.tree()
        running.child("stepmill.cli worker").suspend()
        running.process.kill()
        wait_until(lambda: not [process for process in tree if process.is_running() and not _is_zombie(process)])


@pytest.mark.slow
def test_idle_it_is_small_and_quiet(folder: Path) -> None:
    with serving(folder / "data") as running, running.connect() as client:
        wait_until(client.workers)
        wait_until(lambda: [p for p in running.tree() if "compute_child" in " ".join(p.cmdline())])
        busy = min(_cpu_share(running, seconds=10) for _ in range(3))  # other tests of this machine make it look busier
        memory = sum(process.memory_full_info().pss for process in running.tree())
    assert memory < 400e6
    assert busy < 0.02


def test_a_folder_that_is_closed_is_an_error_in_plain_words(folder: Path) -> None:
    (folder / "file").write_text("")
    result = stepmill("serve", "--port=0", f"--data-dir={folder / 'file' / 'data'}")
    assert result.returncode == 6
    assert re.search(r"can't be used: Not a directory\. Choose another --data-dir", " ".join(result.stderr.split()))


def _cpu_share(running: Serve, seconds: float) -> float:
    """The share of a core that the whole tree takes in a quiet while."""
    before = sum(sum(process.cpu_times()[:2]) for process in running.tree())
    with suppress(subprocess.TimeoutExpired):
        running.process.wait(seconds)
    return (sum(sum(process.cpu_times()[:2]) for process in running.tree()) - before) / seconds


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
