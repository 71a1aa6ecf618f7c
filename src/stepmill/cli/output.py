"""Writing results: JSON for scripts, tables and sentences for people."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PIPE_COLUMNS = 10_000
STATUS_STYLES = {"DONE": "green", "ERROR": "bold red", "CANCELLED": "yellow", "RUNNING": "cyan", "PENDING": "dim"}


def print_json(value: object) -> None:
    """One JSON value on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def out() -> Console:
    """The console on standard output."""
    return Console(highlight=False)


def out_wide() -> Console:
    """The same for a table whose lines are taken apart by other programs: into a pipe, a line is as long as it is."""
    console = out()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_COLUMNS
    return console


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table of plain values; text is shown as it is, never as markup."""
    shown = Table(*columns, title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*(escape(text_of(value)) for value in row))
    return shown


def text_of(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def status_markup(status: str) -> str:
    """A status in its colour."""
    return f"[{STATUS_STYLES.get(status, 'default')}]{status}[/]"


def bytes_text(size: float) -> str:
    """A size in the unit that suits it."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds from one RFC 3339 time to another; to now without an end, None without a start."""
    if start is None:
        return None
    finish = datetime.now(UTC) if end is None else datetime.fromisoformat(end)
    return max(0.0, (finish - datetime.fromisoformat(start)).total_seconds())


def duration_text(seconds: float | None) -> str:
    """A duration in the unit that suits it."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def short(record: Mapping[str, Any], *names: str) -> list[object]:
    """Some values of a record, in order."""
    return [record.get(name) for name in names]
