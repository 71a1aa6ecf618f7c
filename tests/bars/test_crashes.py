"""Kill and freeze what a load needs, in each of its steps: it ends DONE by itself, and as if nothing had happened."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from stepmill.client import Event
from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.embedded import running_url
from stepmill.warehouse.cleanup import drop_leftovers
from tests.bars.conftest import RAGGED, ROWS
from tests.bars.moments import Moment, became, logged, progressing, running
from tests.bars.platform import ENV, VIEWS, Platform
from tests.cli.processes import wait_until
from tests.support.checksums import Connection
from tests.support.processes import TIGHT, compute_children, frozen, postgres_of, worker_of, working

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(300)]

STEPS = ("Extract", "Transform", "Load")
Victim = Callable[[Platform], list[psutil.Process]]


def worker(platform: Platform) -> list[psutil.Process]:
    """The worker alone; its children must end with it."""
    return [worker_of(platform.serve)]


def busiest_child(platform: Platform) -> list[psutil.Process]:
    """The child that computes."""
    children = compute_children(worker_of(platform.serve))
    return [max(children, key=lambda child: sum(child.cpu_times()[:2]))]


def postgres(platform: Platform) -> list[psutil.Process]:
    """PostgreSQL's main process: the others end with it."""
    return [postgres_of(platform.serve)]


@dataclass(frozen=True)
class Crash:
    """What is killed, and when."""

    victim: Victim
    moment: Moment
    step: str
    mode: str = "replaceFile"

    @property
    def name(self) -> str:
        return f"{self.victim.__name__} in {self.step} ({self.mode})"


CRASHES = [
    Crash(worker, running("Extract"), "Extract"),
    Crash(worker, progressing("Transform"), "Transform"),
    Crash(busiest_child, progressing("Transform"), "Transform"),
    Crash(postgres, progressing("Transform"), "Transform"),
]
UPSERTS = [
    Crash(worker, logged("Load", "Looking for rows with the same key"), "Load", "upsert"),
    Crash(worker, logged("Load", "Showing the rows"), "Load", "upsert"),
    Crash(postgres, logged("Load", "Showing the rows"), "Load", "upsert"),
]


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash.name)
def test_a_load_survives(platform: Platform, million: Path, million_ragged: Path, crash: Crash) -> None:
    area_id = platform.make_area()
    job_id = platform.start(area_id, platform.upload(area_id, million_ragged))
    events = platform.follow(job_id, crash.moment, lambda: kill(crash.victim(platform)))
    assert_done_once(platform, job_id, events, hit=crash.step)
    phys_id = assert_loaded(platform, job_id, rejected=RAGGED)
    platform.assert_holds(phys_id, million)
    assert len(platform.client.list_loads(ENV, phys_id)["items"]) == 1
    assert_nothing_is_left(platform, job_id)


@pytest.mark.parametrize("crash", UPSERTS, ids=lambda crash: crash.name)
def test_an_upsert_survives(platform: Platform, million: Path, million_ragged: Path, crash: Crash) -> None:
    area_id = platform.make_area(load_mode="upsert", key_columns=["id"])
    platform.load(area_id, million)
    job_id = platform.start(area_id, platform.upload(area_id, million_ragged, "again.csv"))
    events = platform.follow(job_id, crash.moment, lambda: kill(crash.victim(platform)))
    assert_done_once(platform, job_id, events, hit=crash.step)
    phys_id = assert_loaded(platform, job_id, rejected=RAGGED)
    platform.assert_holds(phys_id, million)
    assert len(platform.client.list_loads(ENV, phys_id)["items"]) == 2
    assert_nothing_is_left(platform, job_id)


@pytest.mark.parametrize("victim", [worker, postgres])
def test_a_switch_that_readers_hold_up_survives(
    platform: Platform, million: Path, million_ragged: Path, victim: Victim
) -> None:
    """The readers make Load last, so that it surely is hit."""
    area_id = platform.make_area(load_mode="replace")
    first = assert_loaded(platform, platform.load(area_id, million)["jobId"], rejected=0)
    with holding(platform, first) as reader:
        job_id = platform.start(area_id, platform.upload(area_id, million_ragged))

        def crash() -> None:
            kill(victim(platform))
            reader.close()

        events = platform.follow(job_id, logged("Load", "Waiting for readers"), crash)
    if platform.client.get_job(job_id)["attempt"] == 1:  # it was between two tries when PostgreSQL went and came back
        assert victim is postgres
        assert platform.client.get_job(job_id)["status"] == "DONE"
    else:
        assert_done_once(platform, job_id, events, hit="Load")
    phys_id = assert_loaded(platform, job_id, rejected=RAGGED)
    platform.assert_holds(phys_id, million)
    assert len(platform.client.list_loads(ENV, phys_id)["items"]) == 2
    assert_nothing_is_left(platform, job_id)


def test_a_frozen_worker_that_readers_held_up_wakes_to_nothing(
    platform: Platform, million: Path, million_ragged: Path
) -> None:
    """Two attempts are on the point of showing their rows when the readers go: one does."""
    area_id = platform.make_area(load_mode="replace")
    first = assert_loaded(platform, platform.load(area_id, million)["jobId"], rejected=0)
    with working(platform.serve.data_dir, **TIGHT), holding(platform, first) as reader:
        wait_until(lambda: len(platform.client.workers()) == 2)
        job_id = platform.start(area_id, platform.upload(area_id, million_ragged))

        def freeze() -> None:
            freeze_until_rescued(platform, job_id)
            reader.close()

        events = platform.follow(job_id, logged("Load", "Waiting for readers"), freeze)
        assert_done_once(platform, job_id, events, hit="Load")
        phys_id = assert_loaded(platform, job_id, rejected=RAGGED)
        platform.assert_holds(phys_id, million)
        assert len(platform.client.list_loads(ENV, phys_id)["items"]) == 2
        assert_nothing_is_left(platform, job_id)
    wait_until(lambda: len(platform.client.workers()) == 1)


def test_a_frozen_workers_load_is_done_by_another(platform: Platform, million: Path, million_ragged: Path) -> None:
    """What it had begun is taken from it, and when it wakes in the middle of the other's work, it does no harm."""
    area_id = platform.make_area()
    with working(platform.serve.data_dir, **TIGHT) as second:
        wait_until(lambda: len(platform.client.workers()) == 2)
        job_id = platform.start(area_id, platform.upload(area_id, million_ragged))
        events = platform.follow(job_id, progressing("Transform"), lambda: freeze_until_rescued(platform, job_id))
        assert_done_once(platform, job_id, events, hit="Transform")
        phys_id = assert_loaded(platform, job_id, rejected=RAGGED)
        platform.assert_holds(phys_id, million)
        assert len(platform.client.list_loads(ENV, phys_id)["items"]) == 1
        assert_nothing_is_left(platform, job_id)
        # One that serve started may have been replaced meanwhile; one of our own lives on.
        wait_until(lambda: len(platform.client.workers()) == 2)
        assert second.is_running()
    wait_until(lambda: len(platform.client.workers()) == 1)


def test_a_crash_goes_on_after_the_last_commit(platform: Platform, big_files: Path, million: Path) -> None:
    """With more rows than one commit has, those that are there are not sent again."""
    longer = big_files / "longer.csv"
    lines = million.read_bytes().splitlines(keepends=True)
    longer.write_bytes(b"".join(lines + lines[1 : ROWS // 2]))
    area_id = platform.make_area()
    job_id = platform.start(area_id, platform.upload(area_id, longer))
    moment = progressing("Transform", after=ROWS + 100_000)
    events = platform.follow(job_id, moment, lambda: kill(worker(platform)))
    assert_done_once(platform, job_id, events, hit="Transform")
    going_on = [event.data for event in events if logged("Transform", "Going on after the rows")(event)]
    assert [each["fields"]["rows"] >= ROWS for each in going_on] == [True]
    platform.assert_holds(assert_loaded(platform, job_id, rejected=0), longer)
    assert_nothing_is_left(platform, job_id)


def kill(victims: list[psutil.Process]) -> None:
    """`kill -9`, and be sure that it hit."""
    for process in victims:
        process.kill()
    psutil.wait_procs(victims, timeout=10)


@contextmanager
def holding(platform: Platform, phys_id: str) -> Iterator[Connection]:
    """A reader that keeps the table from being switched until its connection is closed."""
    view = platform.view_of(phys_id)
    with platform.connect() as reader:
        reader.execute(f'BEGIN; SELECT FROM {VIEWS}."{view}" LIMIT 1')
        yield reader


def freeze_until_rescued(platform: Platform, job_id: str) -> None:
    """Stop the worker that runs the job until another has it, then let it go on."""
    with frozen(owner_of(platform, job_id)):
        wait_until(lambda: platform.client.get_job(job_id)["attempt"] == 2)
        wait_until(lambda: platform.client.get_job(job_id)["status"] == "RUNNING")


def owner_of(platform: Platform, job_id: str) -> psutil.Process:
    """The worker's process that runs the job."""
    with platform.connect() as conn:
        row = conn.execute(
            "SELECT pid FROM job_attempts a JOIN workers w USING (worker_id) WHERE job_id = %s AND ended_at IS NULL",
            (job_id,),
        ).fetchone()
    assert row is not None
    return psutil.Process(row[0])


def assert_done_once(platform: Platform, job_id: str, events: list[Event], *, hit: str) -> None:
    """The job is DONE; the step that was hit ran again, those before it did not, those after it ran once."""
    job = platform.client.get_job(job_id)
    assert job["status"] == "DONE", job["error"]
    assert job["attempt"] == 2
    assert [step["attempt"] for step in job["steps"]] == [1 if STEPS.index(hit) > place else 2 for place in range(3)]
    for step in job["steps"]:
        told = [event.data for event in platform_steps(platform, job_id) if event.data["name"] == step["name"]]
        begun = [each for each in told if each["status"] == "RUNNING"]
        done = [each for each in told if each["status"] == "DONE"]
        assert len(begun) == (2 if step["name"] == hit else 1)
        assert len(done) == 1
        assert (done[0]["startedAt"], done[0]["finishedAt"]) == (step["startedAt"], step["finishedAt"])
    assert [became("PENDING")(event) for event in events].count(True) <= 2
    assert events[-1].kind == "end"


def platform_steps(platform: Platform, job_id: str) -> list[Event]:
    """The job's `step` events as they are stored."""
    return [
        Event(str(each["id"]), each["event"], each["data"])
        for each in platform.stored_events(job_id)
        if each["event"] == "step"
    ]


def assert_loaded(platform: Platform, job_id: str, *, rejected: int) -> str:
    """The job's account balances, and its rejects are kept once. Answers the table."""
    result: dict[str, Any] = dict(platform.client.get_job(job_id)["result"] or {})
    assert result["rowsRejected"] == rejected
    assert result["rowsRead"] == result["rowsLoaded"] + rejected
    rejects = platform.client.list_rejects(ENV, result["loadId"], limit=500)["items"]
    assert len(rejects) == rejected
    assert len({each["line"] for each in rejects}) == rejected
    return str(result["physId"])


def assert_nothing_is_left(platform: Platform, job_id: str) -> None:
    """After housekeeping nothing of the load is left but its table."""
    keep_house(platform)
    assert platform.unaccounted_tables() == []
    assert platform.open_targets() == 0
    assert platform.statements_of(job_id) == []
    with platform.connect() as conn:
        kept = conn.execute("SELECT count(*) FROM job_locks WHERE job_id = %s", (job_id,)).fetchone()
        strays = conn.execute(
            "SELECT count(*) FROM load_rejects WHERE load_id NOT IN (SELECT load_id FROM load_ledger)"
        ).fetchone()
    assert kept == (0,)
    assert strays == (0,)


def keep_house(platform: Platform) -> None:
    """What a worker does once a minute."""
    url = running_url(platform.serve.data_dir / "postgres")
    assert url is not None

    async def drop() -> None:
        async with Database(url, application_name="bars") as database:
            await drop_leftovers(database)

    asyncio.run(drop())
