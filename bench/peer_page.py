"""``docs/benchmarks.md``, written from a run."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import psutil

from bench.peer_process import ROOT
from bench.report import Row

PAGE = ROOT / "docs" / "benchmarks.md"

_TOP = """# Benchmarks

<!-- Written by `make bench`; what is changed here by hand is lost. -->

{title}. In brackets: the slowest and the fastest round. In parentheses: how many times as
fast Stepmill is, the median over rounds in which all took turns. Where rounds differ a lot, the machine was busy and
neither is to be relied on.

{table}

## Bars

{bars}

## Notes

{notes}

## How it was measured

- {date}, by `make bench` (`python -m bench --write peers` measures only this)
- {machine}
- One embedded PostgreSQL for all, with Stepmill's settings for it; each queue has a database of its own.
- Each queue runs in processes of its own: one that submits, one worker. Who works and who submits share the machine
  with the server.
- A job has three steps that do nothing but are persisted. DBOS: a workflow with three steps. Procrastinate and PgQueuer
  have no steps; their jobs make four commits, each with one row updated and one inserted, as Stepmill's do beside
  taking and ending the job.
- *Jobs per second*: third steps reached in 5 s, beginning 1.5 s after the first job began, with thousands queued, after
  an `ANALYZE`: without one some queues are slow for the first minute, until the server makes it by itself. DBOS is
  measured without, as it is several times slower after one.
- *Enqueue*: by Stepmill's functions, not over HTTP; by DBOS's client, 1,000 in one transaction; by the other two's own
  batches.
- *Submit to start*: from just before the call to the first step, both by the machine's clock; 150 jobs at 10 a second,
  then 12 s at half of the rate that the queue itself reached with 4 in flight, at random moments.
- *Crash*: once, with each one's default settings: a job is in its second step when its worker gets `kill -9`. Stepmill
  and DBOS go on with that step; the others begin again.
- *Memory*: the worker's process tree after the idle jobs. Stepmill's is the engine's worker without a process that
  computes; `python -m bench idle` shows the whole server.
- PgQueuer works with asyncpg, Procrastinate and Stepmill with psycopg, DBOS with SQLAlchemy on psycopg; each as its
  documentation recommends. Workers run on the event loop of their own command: Stepmill's and PgQueuer's on uvloop, the
  others' on asyncio's. Each queue's file is in `bench/queues`.
"""


def write_page(title: str, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Make the page anew."""
    tables = [row for row in rows if row.others]
    bars = [row for row in rows if row.reached is not None]
    notes = [row for row in rows if row not in tables and row not in bars]
    PAGE.write_text(
        _TOP.format(
            title=title,
            table=_table(("figure", *columns), [(row.figure, row.value, *row.others) for row in tables]),
            bars=_table(
                ("ratio", "measured", "bar", ""),
                [(row.figure, row.value, row.bar, "reached" if row.reached else "missed") for row in bars],
            ),
            notes="\n".join(f"- {row.figure}: {row.value}" for row in notes),
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            machine=_machine(),
        )
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()} on {platform.machine()}, "
        f"Python {platform.python_version()}"
    )
