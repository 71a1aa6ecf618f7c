"""The worker: runs the jobs of the tickets that it takes, says that it is alive, and stops gracefully.

Procrastinate hands out tickets (claiming, LISTEN, deferral to a time). What a ticket means, our own tables decide.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Sequence, Set
from contextlib import suppress

import psutil
import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill import __version__
from stepmill.engine.compute import ComputePool
from stepmill.engine.engine import Engine
from stepmill.engine.notify import CANCEL_CHANNEL
from stepmill.engine.probe import Probe
from stepmill.engine.run_job import JobRunner
from stepmill.engine.take_tickets import TicketTaker
from stepmill.engine.traces import trace_of
from stepmill.errors import ConfigurationError, UnavailableError
from stepmill.gateways import Gateways
from stepmill.gateways.sql.answered import answered

_HELLO = """
INSERT INTO workers (worker_id, host, pid, version, types, concurrency) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (worker_id) DO UPDATE SET last_seen_at = clock_timestamp()
"""
_BEAT = "UPDATE workers SET last_seen_at = clock_timestamp(), running_jobs = %s, memory_bytes = %s WHERE worker_id = %s"
_GOODBYE = "DELETE FROM workers WHERE worker_id = %s"
_ATTEMPTS = """
SELECT job_id, attempt, revoked_at IS NOT NULL AS revoked,
    extract(epoch FROM clock_timestamp() - started_at)::double precision AS seconds
FROM job_attempts WHERE worker_id = %s AND outcome IS NULL
"""
_ENDED_BY_ITSELF = """
SELECT job_id, attempt
FROM job_attempts JOIN unnest(%s::text[], %s::integer[]) AS gone (job_id, attempt) USING (job_id, attempt)
WHERE outcome NOT IN ('crashed', 'database_lost', 'cancel_requested')
"""
_LOOK_SECONDS = 0.25
_IDLE_LOOK_SECONDS = 1.0
_ALERT_SECONDS = 2.0
_UNKNOWN_SECONDS = 10.0
"""An attempt that nothing here runs for so long is one whose beginning's answer was lost."""
_UNKNOWN_WHEN_UNSURE_SECONDS = 3.0
_RECONNECT_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class Worker:
    """One worker process's engine side. ``duties`` are what it does beside its jobs, each until it is cancelled."""

    def __init__(
        self,
        engine: Engine,
        gateways: Gateways,
        compute_pool: ComputePool,
        duties: Sequence[Callable[[], Awaitable[None]]],
        *,
        worker_id: str,
    ) -> None:
        settings = engine.settings
        self._engine = engine
        self._compute_pool = compute_pool
        self._duties = duties
        self._worker_id = worker_id
        self._types = _served_types(engine)
        self._runner = JobRunner(engine, gateways, compute_pool, worker_id)
        self._tickets = TicketTaker(
            engine, self._runner, worker_id=worker_id, types=self._types, type_limits=_type_limits(engine)
        )
        self._concurrency = settings.worker_concurrency
        self._probe = Probe(settings.worker_probe_dir, settings.heartbeat_seconds)
        engine.metrics.watch_slots(self._concurrency, lambda: len(self._runner.running))
        self._said_hello = asyncio.Event()
        self._stopping = asyncio.Event()
        self._given_back: dict[tuple[str, int], asyncio.Task[None]] = {}

    def stop(self) -> None:
        """Take no further jobs, let the running ones finish for a while, then hand them back."""
        self._stopping.set()
        self._said_hello.set()  # nobody need wait for it any more
        self._tickets.stop()

    async def run(self) -> None:
        """Work until :meth:`stop`."""
        await self._compute_pool.start()
        beside = [self._probe.run, self._watch, self._end_after_grace, self._give_back_when_stopped, *self._duties]
        tasks = [asyncio.ensure_future(each()) for each in beside]
        for task in tasks:
            task.add_done_callback(self._end_with)
        try:
            await self._said_hello.wait()  # a worker that nobody knows would be taken for dead, and its jobs rescued
            await self._tickets.run()
        finally:
            for task in (*tasks, *self._given_back.values()):
                task.cancel()
            outcomes = await asyncio.gather(*tasks, *self._given_back.values(), return_exceptions=True)
            await self._compute_pool.close()
            with suppress(psycopg.Error, UnavailableError):
                await self._leave()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _leave(self) -> None:
        """Give back what was begun for this worker and it never heard of, which a rescue would count as a crash."""
        async with self._engine.database.autocommit() as conn:
            rows = await (await conn.execute(_ATTEMPTS, (self._worker_id,))).fetchall()
        for row in rows:
            await self._runner.give_back((row["job_id"], row["attempt"]), "shutdown")
        async with self._engine.database.autocommit() as conn:
            await conn.execute(_GOODBYE, (self._worker_id,))

    def _end_with(self, task: asyncio.Future[None]) -> None:
        """A worker without one of its parts would be alive to others and not work: it ends, and is started anew."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("worker_broke", traceback=trace_of(error))
            self.stop()

    async def _end_after_grace(self) -> None:
        await self._stopping.wait()
        await asyncio.sleep(self._engine.settings.shutdown_grace_seconds)
        while True:  # over and over: a ticket may be taken late, and a cancelled job goes on with its always-steps
            for attempt in list(self._runner.running):
                attempt.interruption.raise_it("shutdown")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _give_back_when_stopped(self) -> None:
        await self._stopping.wait()
        while True:  # over and over: a claim may be under way
            await self._tickets.give_back_unused()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _watch(self) -> None:
        while True:
            try:
                conn = await self._engine.database.connect(application_name="stepmill:worker", role="stepmill_engine")
                async with conn:
                    await self._watch_on(conn)
            except (psycopg.Error, UnavailableError, OSError) as error:
                _log.warning("watch_lost", error=type(error).__name__)
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _watch_on(self, conn: AsyncConnection[DictRow]) -> None:
        """Beat, and look for cancels and lost attempts: told by NOTIFY, and every 250 ms while something runs.

        What a NOTIFY is about may be claimed here and not run yet: after one, too, it looks every 250 ms for a while.
        """
        hello = (self._worker_id, socket.gethostname(), os.getpid(), __version__, self._types, self._concurrency)
        await conn.execute(_HELLO, hello)
        self._said_hello.set()
        await conn.execute(f"LISTEN {CANCEL_CHANNEL}")
        clock = asyncio.get_running_loop().time
        next_beat = alert_until = 0.0
        while True:
            if clock() >= next_beat:
                values = (len(self._runner.running), self._memory_bytes(), self._worker_id)
                beat = await answered(self._patience, conn.execute(_BEAT, values))
                if beat.rowcount == 0:  # taken for dead and swept away while it was frozen
                    await answered(self._patience, conn.execute(_HELLO, hello))
                self._probe.beat()
                next_beat = clock() + self._engine.settings.heartbeat_seconds
                await self._look(conn)
            elif self._runner.running or self._tickets.is_unsure or clock() < alert_until:
                await self._look(conn)
            is_idle = not self._runner.running and clock() >= alert_until
            async for _ in conn.notifies(timeout=_IDLE_LOOK_SECONDS if is_idle else _LOOK_SECONDS, stop_after=1):
                alert_until = clock() + _ALERT_SECONDS

    async def _look(self, conn: AsyncConnection[DictRow]) -> None:
        self._given_back = {key: task for key, task in self._given_back.items() if not task.done()}
        here = {attempt.key: attempt for attempt in self._runner.running}
        looked = await answered(self._patience, conn.execute(_ATTEMPTS, (self._worker_id,)))
        rows = await looked.fetchall()
        current = {(row["job_id"], row["attempt"]): row for row in rows}
        for key, attempt in here.items():
            if key in current and current[key]["revoked"]:
                attempt.interruption.raise_it("cancelled")
        for key in await _taken_away(conn, here.keys() - current.keys()):
            here[key].interruption.raise_it("lost")
        limit = _UNKNOWN_WHEN_UNSURE_SECONDS if self._tickets.is_unsure else _UNKNOWN_SECONDS
        for key in current.keys() - here.keys() - self._tickets.held - self._given_back.keys():
            if current[key]["seconds"] > limit:
                # Aside: its statements may take longer to end than this worker may be silent.
                self._given_back[key] = asyncio.create_task(self._runner.give_back(key), name=f"stepmill back {key[0]}")

    @property
    def _patience(self) -> float:
        """How long an answer may take on the connection by which others know that this worker lives."""
        return self._engine.settings.dead_after_seconds / 3

    def _memory_bytes(self) -> int:
        return int(psutil.Process().memory_info().rss) + self._compute_pool.memory_in_use


async def _taken_away(conn: AsyncConnection[DictRow], gone: Set[tuple[str, int]]) -> Set[tuple[str, int]]:
    """Which of these attempts somebody else ended. The others ended by themselves; that answer is still on its way."""
    if not gone:
        return gone
    jobs, attempts = zip(*gone, strict=True)
    rows = await (await conn.execute(_ENDED_BY_ITSELF, (list(jobs), list(attempts)))).fetchall()
    return gone - {(row["job_id"], row["attempt"]) for row in rows}


def _type_limits(engine: Engine) -> str:
    """What the claim reads from its session: nothing, or a JSON object."""
    limits = engine.settings.type_limits
    for name in limits:
        _require_type(engine, "STEPMILL_TYPE_LIMITS", name)
    return json.dumps(limits) if limits else ""


def _require_type(engine: Engine, setting: str, name: str) -> None:
    if engine.registry.get(name) is None:
        known = ", ".join(engine.registry.names)
        raise ConfigurationError("unknown_job_type", f"{setting} names {name}; there are: {known}.")


def _served_types(engine: Engine) -> list[str]:
    wanted = [name.strip() for name in engine.settings.worker_types.split(",") if name.strip()]
    for name in wanted:
        _require_type(engine, "STEPMILL_WORKER_TYPES", name)
    return wanted or engine.registry.names
