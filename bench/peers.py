"""Stepmill beside other queues that keep their jobs in PostgreSQL: one server, one run, taking turns.

Each has its own processes and its own database, and does what its documentation recommends. A job has three persisted
steps: in Procrastinate and PgQueuer, which know no steps, as many commits as ``bench/queues/twin.py`` says.
"""

import asyncio
import os
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from bench.peer_databases import Databases, databases
from bench.peer_figures import (
    GIVE_UP_SECONDS,
    IN_FLIGHT,
    Figures,
    Latency,
    best_dbos,
    measure_crash,
    measure_latency,
    measure_round,
)
from bench.peer_process import DBOS, KIND_VARIABLE, PEERS, POLL_VARIABLE, PROCRASTINATE, STEPMILL, Peer
from bench.report import Row, at_least

TITLE = "Stepmill beside its peers, on one PostgreSQL in one run"
COLUMNS = tuple(peer.name for peer in PEERS)
DBOS_BAR = 4.0
PROCRASTINATE_BAR = 0.9

_ROUNDS = 5


async def measure_rows() -> list[Row]:
    """Every queue that is installed, in turns."""
    versions = {peer.name: peer.version() for peer in PEERS}
    present = [peer for peer in PEERS if versions[peer.name]]
    load_before = os.getloadavg()[0]
    async with databases() as made:
        settings = await made.settings()
        figures, chosen = await _measure(made, present)
    rows = [
        _row("version", versions, lambda version: version),
        *_missing(versions),
        *_figure_rows(figures),
        *_bar_rows(figures),
        *_not_recovered(present, figures),
        Row("PostgreSQL", ", ".join(f"{name} {value}" for name, value in settings.items())),
        Row("load average before", f"{load_before:.1f}; much more than 0 means that others used the machine too"),
    ]
    return [*rows, Row("DBOS at its best, of those tried", chosen)] if chosen else rows


async def _measure(made: Databases, present: list[Peer]) -> tuple[dict[str, Figures], str]:
    """The figures of each, and what DBOS was given for speed. For crashes it has its defaults."""
    templates = {peer.name: await made.prepared(peer) for peer in present}
    figures = {peer.name: Figures() for peer in present}
    quick = [await best_dbos(made, templates[DBOS.name]) if peer is DBOS else peer for peer in present]
    for _ in range(_ROUNDS):
        await measure_round(made, quick, templates, figures)
    for peer in quick:
        await measure_latency(made, peer, templates[peer.name], figures[peer.name])
    # A crash is waited for, not computed: all at once.
    await asyncio.gather(*(measure_crash(made, peer, templates[peer.name], figures[peer.name]) for peer in present))
    best = next((peer.environment for peer in quick if peer.environment), None)
    return figures, f"{best[KIND_VARIABLE]}, poll interval {best[POLL_VARIABLE]} s" if best else ""


def _missing(versions: dict[str, str | None]) -> list[Row]:
    return [
        Row(name, "is not installed and was left out; `make bench` installs it into .venv-bench")
        for name, version in versions.items()
        if version is None
    ]


def _not_recovered(present: list[Peer], figures: dict[str, Figures]) -> list[Row]:
    return [
        Row(f"why {peer.name} does not take over", peer.never_recovers)
        for peer in present
        if figures[peer.name].taken_over_seconds is None and peer.never_recovers
    ]


def _figure_rows(figures: dict[str, Figures]) -> list[Row]:
    return [
        _rates("enqueue, one by one, jobs/s", figures, lambda each: each.single),
        _rates("enqueue, 1,000 at once, jobs/s", figures, lambda each: each.batch),
        *(_rates(f"three-step jobs/s, {n} in flight", figures, _in_flight(n)) for n in IN_FLIGHT),
        _row("submit to start, idle: median, 99th percentile", figures, lambda each: _latency(each.idle)),
        _row("submit to start, half of its own top rate", figures, lambda each: _latency(each.loaded)),
        _row("kill -9 to running again, another worker alive", figures, lambda each: _seconds(each.taken_over_seconds)),
        _row("kill -9 to running again, worker started again", figures, lambda each: _seconds(each.restarted_seconds)),
        _row("memory of an idle worker (PSS)", figures, lambda each: f"{each.idle_mb:.0f} MB"),
    ]


def _bar_rows(figures: dict[str, Figures]) -> list[Row]:
    bars = ((DBOS.name, DBOS_BAR), (PROCRASTINATE.name, PROCRASTINATE_BAR))
    return [
        at_least(f"Stepmill to {name}, jobs/s, {n} in flight", ratio(figures, name, _in_flight(n)), bar)
        for name, bar in bars
        if name in figures
        for n in IN_FLIGHT
    ]


def _in_flight(number: int) -> Callable[[Figures], list[float]]:
    return lambda each: each.jobs[number]


def ratio(figures: dict[str, Figures], name: str, rates: Callable[[Figures], list[float]]) -> float:
    """Stepmill's rate to another's: the median over the rounds, in each of which they took turns."""
    pairs = zip(rates(figures[STEPMILL.name]), rates(figures[name]), strict=True)
    return statistics.median(ours / theirs if theirs else float("inf") for ours, theirs in pairs)


def _rates(figure: str, figures: dict[str, Figures], rates: Callable[[Figures], list[float]]) -> Row:
    """The medians, with the slowest and the fastest round; of the others also how many times as fast Stepmill is."""

    def cell(name: str) -> str:
        measured = rates(figures[name])
        rate = f"{statistics.median(measured):,.0f} [{min(measured):,.0f} to {max(measured):,.0f}]"
        return rate if name == STEPMILL.name else f"{rate} ({ratio(figures, name, rates):.2f})"

    return _row(figure, {name: name for name in figures}, cell)


def _row(figure: str, values: Mapping[str, Any], cell: Callable[[Any], str | None]) -> Row:
    cells = [(cell(values[name]) if name in values else None) or "-" for name in COLUMNS]
    return Row(figure, cells[0], others=tuple(cells[1:]))


def _latency(latency: Latency | None) -> str:
    return f"{latency.median:.1f} ms, {latency.p99:.1f} ms" if latency else ""


def _seconds(seconds: float | None) -> str:
    return f"not within {GIVE_UP_SECONDS:.0f} s" if seconds is None else f"{seconds:.1f} s"
