"""What the database has of one job's events, as a reader of the hub needs it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from psycopg.rows import DictRow

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.hub_readers import Event
from stepmill.engine.read import read_job
from stepmill.engine.states import TERMINAL
from stepmill.errors import NotFoundError

# Few at a time: each reader that catches up holds as many, and there may be hundreds of readers.
EVENTS_AT_ONCE = 100
_AFTER = f"SELECT seq, kind, data FROM job_events WHERE job_id = %s AND seq > %s ORDER BY seq LIMIT {EVENTS_AT_ONCE}"
_AFTER_EACH = f"""
SELECT wanted.job_id, e.* FROM unnest(%s::text[], %s::bigint[]) AS wanted (job_id, last) CROSS JOIN LATERAL (
    SELECT seq, kind, data FROM job_events WHERE job_id = wanted.job_id AND seq > wanted.last
    ORDER BY seq LIMIT {EVENTS_AT_ONCE}) AS e
ORDER BY wanted.job_id, e.seq
"""
_STATE = """
SELECT c.last_seq, c.pruned_to, j.status
FROM jobs j JOIN job_event_counters c USING (job_id) WHERE j.job_id = %s
"""
_END = "SELECT data FROM job_events WHERE job_id = %s AND seq = %s AND kind = 'end'"


async def job_state(engine: Engine, caller: Principal, job_id: str) -> DictRow:
    """Its status, and the numbers of its last event and of the last that was pruned.

    Raises NotFoundError, also for another tenant's job.
    """
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        state = await (await conn.execute(_STATE, (job_id,))).fetchone()
    if state is None:
        raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")
    return state


def known_number(state: DictRow, after: int | None) -> int | None:
    """``after``, or None for a number that is none of ours or whose successors are gone: a new snapshot is needed."""
    if after is None or after > state["last_seq"] or after < state["pruned_to"]:
        return None
    return after


async def snapshot(engine: Engine, caller: Principal, job_id: str) -> tuple[Event, Event | None]:
    """The job as it is, and its end, as it was sent to those who were there, if it is at rest."""
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        # The counter first: what commits between the two reads is then sent again as an event, never missed.
        state = await (await conn.execute(_STATE, (job_id,))).fetchone()
        if state is None:
            raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")
        end = await (await conn.execute(_END, (job_id, state["last_seq"]))).fetchone()
        job = await read_job(conn, engine, job_id)
    taken = Event(state["last_seq"], "snapshot", job)
    if state["status"] not in TERMINAL or job["status"] not in TERMINAL:
        return taken, None
    return taken, Event(taken.id, "end", end["data"] if end else _end_of(job))


async def catch_up(
    engine: Engine, job_id: str, after: int, turn: Callable[[], AbstractAsyncContextManager[None]]
) -> AsyncIterator[list[Event]]:
    """What there is after number ``after``, some at once, each read in a turn of its own.

    An ``end`` that a retry has overtaken is left out.
    """
    held: list[Event] = []
    is_more = True
    while is_more:
        async with turn():
            events = await read_events(engine, job_id, after)
        is_more = len(events) == EVENTS_AT_ONCE
        if not events:
            break
        after = events[-1].id
        held = [event for event in events[-1:] if event.kind == "end"]
        if found := [event for event in events if event.kind != "end"]:
            yield found
    if held:
        yield held


async def read_events(engine: Engine, job_id: str, after: int) -> list[Event]:
    """The next few after number ``after``."""
    async with engine.database.autocommit() as conn:
        rows = await (await conn.execute(_AFTER, (job_id, after))).fetchall()
    return [Event(row["seq"], row["kind"], row["data"]) for row in rows]


async def read_events_of(engine: Engine, jobs: Mapping[str, int]) -> dict[str, list[Event]]:
    """The next few of each job after the number that is given for it."""
    async with engine.database.autocommit() as conn:
        rows = await (await conn.execute(_AFTER_EACH, (list(jobs), list(jobs.values())))).fetchall()
    found: dict[str, list[Event]] = {}
    for row in rows:
        found.setdefault(row["job_id"], []).append(Event(row["seq"], row["kind"], row["data"]))
    return found


def _end_of(job: dict[str, Any]) -> dict[str, Any]:
    """The end of a job whose events were pruned."""
    return {**{key: job[key] for key in ("status", "result", "error")}, "at": job["finishedAt"]}
