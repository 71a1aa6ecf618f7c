"""What is measured of each queue. All queues take turns in each round, so that what else the machine does hits all."""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace

from bench.peer_databases import Databases
from bench.peer_process import DBOS, KIND_VARIABLE, POLL_VARIABLE, Peer, Process
from bench.queues.steps import HANGING

IN_FLIGHT = (1, 4, 16)
#: With this many in flight latency and crashes are looked at.
USUAL = 4
BATCH = 1000
GIVE_UP_SECONDS = 90.0

_SINGLES = 300
_MOST_JOBS = 5000
_FILL_SECONDS = 8.0
_WARM_SECONDS = 1.5
_WINDOW_SECONDS = 5.0
_IDLE_JOBS = 150
_IDLE_PER_SECOND = 10.0
_LOADED_SECONDS = 12.0
_POLLS = (0.002, 0.01, 0.05)
_KINDS = ("threads", "coroutines")


@dataclass(frozen=True)
class Latency:
    """Milliseconds from just before the call that submits a job to its first step."""

    median: float
    p99: float
    jobs: int


@dataclass
class Figures:
    """What was measured of one queue. Rates are per second, one for each round."""

    single: list[float] = field(default_factory=list)
    batch: list[float] = field(default_factory=list)
    jobs: dict[int, list[float]] = field(default_factory=lambda: {n: [] for n in IN_FLIGHT})
    idle: Latency | None = None
    loaded: Latency | None = None
    taken_over_seconds: float | None = None
    restarted_seconds: float | None = None
    idle_mb: float = 0.0


async def best_dbos(databases: Databases, template: str) -> Peer:
    """DBOS with the poll interval and the kind of function, of a few, that give it the most jobs per second."""
    tried: dict[tuple[str, float], float] = {}
    for kind in _KINDS * 2:  # in turns: the machine may be busy with other things for a while
        peer = replace(DBOS, environment={KIND_VARIABLE: kind})
        async with databases.copy(template) as filled:
            async with peer.submitting(databases.url(filled)) as submitter:
                await submitter.ordered("batch", 0, BATCH)
            for seconds in _POLLS:
                peer = replace(DBOS, environment={KIND_VARIABLE: kind, POLL_VARIABLE: str(seconds)})
                rate = await _jobs_per_second(databases, peer, filled, USUAL)
                tried[kind, seconds] = tried.get((kind, seconds), 0.0) + rate
    kind, seconds = max(tried, key=tried.__getitem__)
    return replace(DBOS, environment={KIND_VARIABLE: kind, POLL_VARIABLE: str(seconds)})


async def measure_round(
    databases: Databases, peers: Sequence[Peer], templates: Mapping[str, str], figures: Mapping[str, Figures]
) -> None:
    """Fill every queue and see how fast they empty, each in its turn: those that are compared, seconds apart."""
    async with AsyncExitStack() as stack:
        filled: dict[str, str] = {}
        for peer in peers:
            filled[peer.name] = await stack.enter_async_context(databases.copy(templates[peer.name]))
            await _fill(databases, peer, filled[peer.name], figures[peer.name])
        for in_flight in IN_FLIGHT:
            for peer in peers:
                rate = await _jobs_per_second(databases, peer, filled[peer.name], in_flight)
                figures[peer.name].jobs[in_flight].append(rate)


async def _fill(databases: Databases, peer: Peer, filled: str, figures: Figures) -> None:
    async with peer.submitting(databases.url(filled)) as submitter:
        await submitter.ordered("single", 0, 20)  # connections and plans are there
        figures.single.append(_SINGLES / await submitter.ordered("single", 20, _SINGLES))
        jobs, began, batches = 20 + _SINGLES, time.monotonic(), []
        while jobs + BATCH < _MOST_JOBS and time.monotonic() - began < _FILL_SECONDS:
            batches.append(BATCH / await submitter.ordered("batch", jobs, BATCH))
            jobs += BATCH
        figures.batch.append(statistics.median(batches))
    if peer.analyzed:
        await databases.analyze(filled)


async def _jobs_per_second(databases: Databases, peer: Peer, filled: str, in_flight: int) -> float:
    """How many jobs reach their third step in a window that opens a while after the first job began."""
    async with (
        databases.copy(filled) as name,
        peer.working(databases.url(name), in_flight) as worker,
    ):
        opens = (await worker.until("first")).at + _WARM_SECONDS
        ended, last = 0, opens
        with suppress(TimeoutError):  # the queue is empty before the window closes
            while (told := await asyncio.wait_for(worker.next(), 3.0)).at < opens + _WINDOW_SECONDS:
                if told.word == "third" and told.at > opens:
                    ended, last = ended + 1, told.at
            last = opens + _WINDOW_SECONDS
        return ended / (last - opens) if ended else 0.0


async def measure_latency(databases: Databases, peer: Peer, template: str, figures: Figures) -> None:
    """How soon a job starts when there is little to do, and at half the rate that the queue manages at most."""
    half = statistics.median(figures.jobs[USUAL]) / 2
    async with (
        databases.copy(template) as name,
        peer.working(databases.url(name), USUAL) as worker,
        peer.submitting(databases.url(name)) as submitter,
    ):
        await _paced(worker, submitter, 0, 20, _IDLE_PER_SECOND)
        figures.idle = await _paced(worker, submitter, 20, _IDLE_JOBS, _IDLE_PER_SECOND)
        figures.idle_mb = worker.pss_mb()
        figures.loaded = await _paced(worker, submitter, 200, int(half * _LOADED_SECONDS), half)


async def _paced(worker: Process, submitter: Process, first: int, count: int, per_second: float) -> Latency:
    async def starts() -> dict[float, float]:
        seen: dict[float, float] = {}
        ended = 0
        while ended < count:
            told = await worker.next()
            if told.word == "first":
                seen.setdefault(told.number, told.at)
            ended += told.word == "third"
        return seen

    async def submissions() -> dict[float, float]:
        await submitter.order("paced", first, count, per_second)
        seen: dict[float, float] = {}
        while (told := await submitter.next()).word == "submitted":
            seen[told.number] = told.at
        return seen

    started, submitted = await asyncio.gather(starts(), submissions())
    waits = [(started[number] - at) * 1000 for number, at in submitted.items()]
    return Latency(statistics.median(waits), statistics.quantiles(waits, n=100)[98], count)


async def measure_crash(databases: Databases, peer: Peer, template: str, figures: Figures) -> None:
    """How long after a ``kill -9`` the step that was cut off runs again: at another worker, and at one started then."""
    figures.taken_over_seconds, figures.restarted_seconds = await asyncio.gather(
        _seconds_after_kill(databases, peer, template, another=True),
        _seconds_after_kill(databases, peer, template, another=False),
    )


async def _seconds_after_kill(databases: Databases, peer: Peer, template: str, *, another: bool) -> float | None:
    async with databases.copy(template) as name, AsyncExitStack() as stack:
        url = databases.url(name)
        worker = await stack.enter_async_context(peer.working(url, USUAL))
        submitter = await stack.enter_async_context(peer.submitting(url))
        await submitter.ordered("single", HANGING, 1)
        await worker.until("second", HANGING)
        if another:
            successor = await stack.enter_async_context(peer.working(url, USUAL))
            await asyncio.sleep(5)  # it has settled, and said that it is alive
        worker.kill()
        killed = time.time()
        if not another:
            successor = await stack.enter_async_context(peer.working(url, USUAL))
        try:
            told = await asyncio.wait_for(successor.until("second", HANGING), GIVE_UP_SECONDS)
        except TimeoutError:
            return None
        return told.at - killed
