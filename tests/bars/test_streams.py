"""500 readers on one job while 50 jobs run: every reader sees every event once and in order."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from stepmill import samples
from tests.bars.conftest import WITH_PLUGIN, Figures
from tests.bars.platform import ENV, Platform
from tests.bars.sse_readers import Reading, StreamReaders, id_of, kind_of
from tests.cli.processes import serving
from tests.support.processes import Memory, memory_of

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(300)]

READERS = 500
LATE = 60
DROPPING = 60
JOBS = 50
LINES = 2_500


@pytest.fixture
def busy(big_files: Path) -> Iterator[Platform]:
    """A server whose worker runs several jobs at once."""
    environment = {**WITH_PLUGIN, "STEPMILL_WORKER_CONCURRENCY": "5"}
    with serving(big_files / "streams", **environment) as running, running.connect() as client:
        yield Platform(running, client)


@dataclass
class Load:
    """The most that the api took while it was read from."""

    memory: Memory = field(default_factory=Memory)
    sockets: int = 0
    database_connections: dict[str, int] = field(default_factory=dict)

    def look(self, platform: Platform) -> None:
        """Look once."""
        api = psutil.Process(platform.serve.process.pid)
        self.memory = max(self.memory, memory_of(api), key=lambda memory: memory.pss)
        self.sockets = max(self.sockets, len(api.net_connections("tcp")))
        with platform.connect() as conn:
            rows = conn.execute(
                "SELECT application_name, count(*) FROM pg_stat_activity WHERE application_name IN"
                " ('stepmill:hub', 'stepmill:api', 'stepmill:stamper') GROUP BY 1"
            ).fetchall()
        for name, count in rows:
            self.database_connections[name] = max(self.database_connections.get(name, 0), count)


@asynccontextmanager
async def watched(platform: Platform) -> AsyncIterator[Load]:
    """What the api takes, looked at all the while."""
    load = Load()

    async def look() -> None:
        while True:
            await asyncio.to_thread(load.look, platform)
            await asyncio.sleep(0.5)

    looking = asyncio.create_task(look())
    try:
        yield load
    finally:
        looking.cancel()


def start_loads(platform: Platform) -> list[str]:
    """50 loads, each into a table of its own."""
    jobs = []
    for _ in range(JOBS):
        area_id = platform.make_area()
        jobs.append(platform.start(area_id, platform.upload(area_id, samples.airports(), "airports.csv.gz")))
    return jobs


async def test_every_reader_sees_every_event_once_and_in_order(busy: Platform, figures: Figures) -> None:
    params = {"lines": LINES, "pauseSeconds": 0.01}
    job_id = busy.client.start_job("BARS_TALK", params, env_id=ENV)["jobId"]
    readers = StreamReaders(busy.serve.url, busy.serve.token, job_id)
    async with watched(busy) as load, asyncio.TaskGroup() as group:
        whole = [group.create_task(readers.read()) for _ in range(READERS - LATE - DROPPING - 1)]
        dropping = [group.create_task(readers.read(drop_each=100 + number)) for number in range(DROPPING)]
        loads = group.create_task(asyncio.to_thread(start_loads, busy))
        first = Reading(enough=LATE + 1)
        group.create_task(readers.read(into=first))
        await first.has_enough.wait()
        late = [group.create_task(readers.read(after=str(1 + number))) for number in range(LATE)]
    stored = [wire(event) for event in busy.stored_events(job_id)]
    assert [int(id_of(event)) for event in stored] == list(range(1, len(stored) + 1))
    assert sum(kind_of(event) == "log" for event in stored) == LINES
    for task in (*whole, *dropping):
        assert kind_of(task.result().events[0]) == "snapshot"
        assert_complete(task.result(), stored, after=int(id_of(task.result().events[0])), skip=1)
    for number, task in enumerate(late):
        assert_complete(task.result(), stored, after=1 + number, skip=0)
    assert min(len(task.result().states) for task in dropping) > 3
    assert [busy.client.wait_for_job(each)["status"] for each in loads.result()] == ["DONE"] * JOBS
    assert load.database_connections["stepmill:hub"] == 1
    figures(
        f"{READERS} readers of {len(stored)} events while {JOBS} loads ran: the api took {load.memory}, {load.sockets} "
        f"sockets, and of the database {load.database_connections}."
    )


def assert_complete(reading: Reading, stored: list[bytes], *, after: int, skip: int) -> None:
    """The reader has the events after that number, each once, as they are stored."""
    *before, last = reading.states
    assert set(before) <= {200}
    assert last in (200, 204)  # 204: it was dropped just after `end`, and came back for nothing
    assert list(map(comparable, reading.events[skip:])) == list(map(comparable, stored[after:]))


def comparable(event: bytes) -> tuple[str, str, Any]:
    """An event however its JSON is written."""
    return id_of(event), kind_of(event), json.loads(event.split(b"\ndata: ")[1])


def wire(event: dict[str, Any]) -> bytes:
    """A stored event as streams send it."""
    return f"id: {event['id']}\nevent: {event['event']}\ndata: {json.dumps(event['data'])}".encode()
