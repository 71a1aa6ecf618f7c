"""How a file would be read, for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from stepmill.cli.output import table
from stepmill.cli.show_table import show_rows

_EXAMPLE_CHARACTERS = 30


def show_inspected(console: Console, told: Mapping[str, Any]) -> None:
    """Write what a preview says of a file: why it is read so, its columns, its first rows, and what is odd."""
    console.print(f"[bold]{escape(told['name'])}[/]  {told['format']}, {told['encoding']}")
    for finding in told["evidence"]:
        console.print(f"  [dim]·[/] {escape(finding['message'])}")
    console.print()
    console.print(table(None, ["Column", "Type", "Nulls", "Distinct", "Examples"], _columns(told)))
    if told["rows"]:
        console.print()
        show_rows(console, told["rows"])
    for reject in told["rejects"]:
        where = f"Line {reject['line']:,}" + (f", {reject['column']}" if reject["column"] else "")
        console.print(f"[yellow]✗[/] {escape(where)}: {escape(reject['reason'])}")
    for warning in told["warnings"]:
        console.print(f"[yellow]![/] {escape(warning['message'])}")
    console.print()


def _columns(told: Mapping[str, Any]) -> list[list[object]]:
    return [
        [column["name"], column["type"], column["nulls"], column["distinct"], _examples(column)]
        for column in told["columns"]
    ]


def _examples(column: Mapping[str, Any]) -> str:
    return ", ".join(" ".join(text.split())[:_EXAMPLE_CHARACTERS] for text in column["examples"][:3])
