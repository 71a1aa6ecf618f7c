"""Reads tables and event logs when all is over, and says what is not as promised.

It shares no code with the engine: PostgreSQL by psycopg, and a model of its own (`moves.py`). What users were promised
comes as a record: each job that was accepted, with its type and its params.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from soak.leftovers import LEFTOVERS
from soak.moves import AT_REST, Replay

Record = Mapping[str, Mapping[str, Any]]
Connection = psycopg.Connection[Any]

_ALLOWED_ERRORS = {"soak_dice"}
_OVERLAPS = """
WITH held AS (
    SELECT e.*, j.params ->> 'key' AS key FROM soak.effects e JOIN jobs j USING (job_id) WHERE step LIKE 'Hold%'
)
SELECT a.key, a.job_id, b.job_id FROM held a JOIN held b USING (key)
WHERE a.job_id < b.job_id AND tstzrange(a.began, a.ended) && tstzrange(b.began, b.ended)
"""
_SHOWN = 3


def check(conn: Connection, record: Record, storage: Path | None = None) -> Iterator[str]:
    """Everything that is not as promised. `conn` is a superuser's, with the engine's schema in its search path."""
    statuses = {row[0]: row for row in conn.execute("SELECT job_id, status, error ->> 'code', result FROM jobs")}
    yield from _few("accepted jobs are lost", record.keys() - statuses.keys())
    yield from _few("jobs that nobody was told of", statuses.keys() - record.keys())
    yield from _few("jobs are not at rest", [key for key, row in statuses.items() if row[1] not in AT_REST])
    yield from _few(
        "jobs ended in an error of Stepmill's own",
        [f"{key}: {row[2]}" for key, row in statuses.items() if row[1] == "ERROR" and row[2] not in _ALLOWED_ERRORS],
    )
    yield from _check_events(conn, record)
    yield from _check_values(conn, record)
    yield from _few("locks were held by two at once", map(str, conn.execute(_OVERLAPS).fetchall()))
    yield from _check_loads(conn, record)
    for name, query in LEFTOVERS.items():
        yield from _few(name, map(str, conn.execute(query).fetchall()))
    if storage is not None:
        yield from _check_artifacts(storage, {key for key, row in statuses.items() if row[1] == "DONE"})


def _few(what: str, found: Any) -> Iterator[str]:
    """One sentence for all that were found."""
    if each := sorted(found):
        yield f"{len(each)} {what}, such as {', '.join(each[:_SHOWN])}"


def _check_events(conn: Connection, record: Record) -> Iterator[str]:
    """The events are legal, lead to what the tables say, and each DONE has its one effect."""
    wrong: dict[str, list[str]] = {"illegal": [], "other": [], "effects": []}
    effects = Counter(conn.execute("SELECT job_id, step, attempt FROM soak.effects").fetchall())
    for job_id in record:
        replay, found = _replayed(conn, job_id)
        wrong["illegal"] += [f"{job_id}: {each}" for each in found]
        wrong["other"] += [f"{job_id}: {each}" for each in _differences(conn, job_id, replay)]
        if record[job_id]["type"] == "FILE_ETL":
            continue
        done = Counter((job_id, *each) for each in replay.done)
        mine = Counter({key: count for key, count in effects.items() if key[0] == job_id})
        wrong["effects"] += [f"{each} is DONE without effect" for each in (done - mine)]
        wrong["effects"] += [f"{each} has an effect and is not DONE" for each in (mine - done)]
    yield from _few("illegal events", wrong["illegal"])
    yield from _few("events that say other than the tables", wrong["other"])
    yield from _few("effects that did not happen exactly once", wrong["effects"])


def _replayed(conn: Connection, job_id: str) -> tuple[Replay, list[str]]:
    steps = conn.execute("SELECT name, always FROM job_steps WHERE job_id = %s ORDER BY idx", (job_id,)).fetchall()
    replay = Replay(dict(steps))
    events = conn.execute("SELECT seq, kind, data FROM job_events WHERE job_id = %s ORDER BY seq", (job_id,)).fetchall()
    return replay, list(replay.play(events))


def _differences(conn: Connection, job_id: str, replay: Replay) -> Iterator[str]:
    """Where the tables are not what the events led to."""
    row = conn.execute("SELECT status, attempt FROM jobs WHERE job_id = %s", (job_id,)).fetchone()
    steps = conn.execute("SELECT name, status FROM job_steps WHERE job_id = %s", (job_id,)).fetchall()
    if row is None:
        return  # lost: said already
    if row[0] != replay.status or row[1] != replay.attempt:
        yield f"status and attempt are {row}, the last event had {(replay.status, replay.attempt)}"
    if dict(steps) != replay.steps:
        yield f"the steps are {dict(steps)}, the events had {replay.steps}"
    if not replay.ended:
        yield "the events have no end"


def _check_values(conn: Connection, record: Record) -> Iterator[str]:
    """Each effect says what follows from the job's params."""
    rows = conn.execute("SELECT job_id, step, value FROM soak.effects").fetchall()
    wrong = [row for row in rows if row[2] != _expected(record.get(row[0], {}), row[1])]
    yield from _few("effects with a wrong value", map(str, wrong))


def _expected(job: Mapping[str, Any], step: str) -> str:
    params = job.get("params", {})
    seed, size = params.get("seed", 0), params.get("size", 0)
    if step in ("Hold", "Hold on"):
        return str(params["key"])
    if step == "Compute":
        value = str(seed).encode()
        for _ in range(size):
            value = hashlib.sha256(value).digest()
        return value.hex()
    if step == "Read":
        block = hashlib.sha256(str(seed).encode()).digest()
        return hashlib.sha256(block * (size // len(block))).hexdigest()
    return str({"One": seed + 1, "Two": 2 * seed + 2, "Three": 3 * seed + 2, "Write": size}.get(step, seed))


def _check_loads(conn: Connection, record: Record) -> Iterator[str]:
    """Each load is in the ledger once, with all lines of its file."""
    rows = conn.execute(
        "SELECT job_id, rows_read, rows_loaded + rows_rejected + rows_filtered + rows_deduplicated, rows_rejected,"
        " (SELECT count(*) FROM load_rejects r WHERE r.load_id = l.load_id) FROM load_ledger l"
    ).fetchall()
    counts = Counter(row[0] for row in rows)
    loads = {key: job for key, job in record.items() if job["type"] == "FILE_ETL"}
    yield from _few("loads that are not once in the ledger", [key for key in loads if counts[key] != 1])
    yield from _few(
        "loads whose rows are not accounted for",
        [
            f"{job_id}: {(read, sum_, rejected, kept)}"
            for job_id, read, sum_, rejected, kept in rows
            if job_id in loads and (read, sum_, rejected, kept) != _account(loads[job_id])
        ],
    )


def _account(load: Mapping[str, Any]) -> tuple[int, int, int, int]:
    return load["read"], load["read"], load["wrong"], load["wrong"]


def _check_artifacts(storage: Path, done: set[str]) -> Iterator[str]:
    files = [path.relative_to(storage) for path in storage.rglob("*") if path.is_file()]
    kept = [str(path) for path in files if path.parts[0] == "artifacts" and path.parts[1] in done]
    yield from _few("artifacts of jobs that are DONE", kept)
    yield from _few("half written files", [str(path) for path in files if path.suffix == ".part"])
