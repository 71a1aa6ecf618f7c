"""A table, its rows and its plan, for people to read."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from stepmill.cli.output import bytes_text, table
from stepmill.client import Table

LONGEST_CELL = 40


def show_table(console: Console, shown: Table) -> None:
    """Write a table's size and columns."""
    size = f"{shown['rows']:,} rows, {bytes_text(shown['bytes'])}, plan version {shown['planVersion']}"
    console.print(f"[bold]{escape(shown['logicalName'])}[/]  {size}  [dim]{shown['physId']}[/]")
    rows = [
        [column["logicalName"], column["type"], "" if column["nullable"] else "not null"] for column in shown["columns"]
    ]
    console.print(table(None, ["Column", "Type", ""], rows))


def show_rows(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, as many columns as fit, and say how many don't."""
    names = list(rows[0])
    cells = [[_cut(_cell(row.get(name))) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in cells)) + 2 for at, name in enumerate(names)]
    fitting = 0
    while fitting < len(names) and sum(widths[: fitting + 1]) <= console.width:
        fitting += 1
    fitting = max(1, fitting)
    console.print(table(None, [_cut(name) for name in names[:fitting]], [line[:fitting] for line in cells]))
    if fitting < len(names):
        console.print(f"[dim]… and {len(names) - fitting} more columns: {escape(', '.join(names[fitting:]))}[/]")


def show_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """Write how each column is made from its source."""
    rows = []
    for column in plan.get("columns", []):
        mapping = column.get("mapping") or {}
        kind = mapping.get("kind") or mapping.get("type") or ""
        source = column.get("source") or mapping.get("source") or ""
        rows.append([column.get("name"), source, kind, column.get("type")])
    console.print(table(None, ["Column", "From", "Mapping", "Type"], rows))


def _cell(value: object) -> str:
    """A value as it stands in the table: a number may be an identifier, so nothing is put between its digits."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
