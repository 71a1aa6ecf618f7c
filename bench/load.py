"""How fast a file becomes a table, from submit to DONE, and what the worker needs for it.

Beside it stand psql's own copy of the same CSV into a table that has the same columns and indexes already, and dlt, all
on the server of one ``stepmill serve``, in turns. What psql does not do: find out how the file is read, choose types,
keep rejects, switch readers, keep a ledger.
"""

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.load_ways import Loaded, Ways, write_json_lines
from bench.make_csv import write_csv
from bench.memory import Peak
from bench.peer_process import PEERS_PYTHON
from bench.report import Row, at_least, at_most
from bench.served_folder import served_folder

TITLE = "A CSV file becomes a table (13 columns, 144 MB a million rows)"
_MILLION = 1_000_000
_ROUNDS = {1: 5, 5: 3, 20: 1}
"""How often all took turns, by millions of rows."""
_BARS = {1: (0.75, 1.0), 5: (0.9, 1.1), 20: (None, None)}
"""To psql's copy: on an area without a plan, and with one in force."""
_MIB = 1024**2


async def measure_rows() -> list[Row]:
    """One, five and twenty million rows in turns with psql; dlt and JSON Lines with one million."""
    return await asyncio.to_thread(_measure_rows)


def _measure_rows() -> list[Row]:
    rows: list[Row] = []
    peaks: dict[int, Peak] = {}
    with served_folder() as (server, folder):
        ways = Ways.of(server, folder / "data")
        plan = _plan(ways, folder)
        for millions in _ROUNDS:
            ways.peak = peaks[millions] = Peak()
            rows += _sizes(ways, folder / f"events_{millions}.csv", millions, plan)
    return [*rows, *_memory(peaks)]


def _plan(ways: Ways, folder: Path) -> Mapping[str, Any]:
    """The plan that rules make of the file; also, all that the first load of a server has to start is started."""
    file = folder / "first.csv"
    write_csv(file, 100_000)
    return ways.stepmill(file).plan


def _sizes(ways: Ways, file: Path, millions: int, plan: Mapping[str, Any]) -> list[Row]:
    count = millions * _MILLION
    write_csv(file, count)
    untold: list[Loaded] = []
    told: list[Loaded] = []
    copies: list[float] = []
    for _ in range(_ROUNDS[millions]):
        untold.append(ways.stepmill(file))
        copies.append(ways.copy(file, untold[-1].table, count))
        told.append(ways.stepmill(file, plan))
    size = f"{millions} million rows"
    bars = _BARS[millions]
    figures = [
        Row(f"{size}: rows a second, psql \\copy", f"{count / statistics.median(copies):,.0f}"),
        Row(f"{size}: seconds, untold / psql / plan in force", _rounds(_taken(untold), copies, _taken(told))),
        Row(f"{size}: seconds of its steps, untold", _steps(untold)),
        _ratio(f"{size}: to psql \\copy, without a plan", copies, _taken(untold), bars[0]),
        _ratio(f"{size}: to psql \\copy, plan in force", copies, _taken(told), bars[1]),
    ]
    if millions == 1:
        figures += [*_json_lines(ways, file, copies), *_dlt(ways, file, untold)]
    file.unlink()
    return figures


def _json_lines(ways: Ways, file: Path, copies: Sequence[float]) -> list[Row]:
    lines = file.with_suffix(".jsonl")
    write_json_lines(file, lines)
    loads = [ways.stepmill(lines) for _ in copies]
    lines.unlink()
    rounds = _rounds(_taken(loads))
    return [
        Row("JSON Lines of the same: seconds", rounds),
        _ratio("JSON Lines: to psql \\copy of the CSV", copies, _taken(loads), 0.6),
    ]


def _dlt(ways: Ways, file: Path, loads: Sequence[Loaded]) -> list[Row]:
    if not PEERS_PYTHON.exists():
        return [Row("dlt", "not installed (.venv-bench)")]
    best = [ways.dlt("best", file) for _ in loads]
    default = [ways.dlt("default", file)]
    ours = statistics.median(_taken(loads))
    return [
        Row("dlt: seconds at its best (Parquet by ADBC), by its defaults", f"{_rounds(best)}; {_rounds(default)}"),
        at_least("times dlt at its best", statistics.median(best) / ours, 1.6),
        at_least("times dlt's defaults", default[0] / ours, 25),
    ]


def _memory(peaks: Mapping[int, Peak]) -> list[Row]:
    largest = max(peaks)
    return [
        at_most("peak memory of the worker and its processes", peaks[largest].bytes / _MIB, 350, " MiB"),
        Row("largest single process", f"{peaks[largest].of_one / _MIB:.0f} MiB"),
        at_most(f"peak at {largest} million rows to that at 1 million", peaks[largest].bytes / peaks[1].bytes, 1.15),
    ]


def _ratio(figure: str, theirs: Sequence[float], ours: Sequence[float], bar: float | None) -> Row:
    """Rows a second to theirs: the median over the rounds."""
    ratio = statistics.median(their / our for their, our in zip(theirs, ours, strict=True))
    return Row(figure, f"{ratio:.2f}") if bar is None else at_least(figure, ratio, bar)


def _taken(loads: Sequence[Loaded]) -> list[float]:
    return [load.seconds for load in loads]


def _rounds(*seconds: Sequence[float]) -> str:
    return "  ".join("/".join(f"{each:.2f}" for each in of_round) for of_round in zip(*seconds, strict=True))


def _steps(loads: Sequence[Loaded]) -> str:
    medians = {step: statistics.median(load.steps[step] for load in loads) for step in loads[0].steps}
    return ", ".join(f"{step} {taken:.2f}" for step, taken in medians.items())
