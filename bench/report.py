"""What a measurement shows: one row for each figure, beside the bar it has to reach."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure. ``bar`` says what is asked of it and ``reached`` whether it is so; without one it just informs.

    ``others`` are the same figure of whom the part names in its ``COLUMNS``.
    """

    figure: str
    value: str
    bar: str = ""
    reached: bool | None = None
    others: tuple[str, ...] = ()


def at_least(figure: str, value: float, bar: float, unit: str = "") -> Row:
    """A figure that must not be under ``bar``."""
    return Row(figure, f"{value:.2f}{unit}", f"at least {bar:g}{unit}", value >= bar)


def at_most(figure: str, value: float, bar: float, unit: str = "") -> Row:
    """A figure that must not be over ``bar``."""
    return Row(figure, f"{value:.2f}{unit}", f"at most {bar:g}{unit}", value <= bar)


def show(console: Console, title: str, rows: Sequence[Row], columns: Sequence[str] = ("measured",)) -> bool:
    """Print one part's table. Returns whether every bar was reached."""
    table = Table("figure", *columns, "bar", "", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for row in rows:
        mark = {None: "", True: "[green]reached", False: "[red]missed"}[row.reached]
        others = (*row.others, *[""] * (len(columns) - 1 - len(row.others)))
        table.add_row(row.figure, row.value, *others, row.bar, mark)
    console.print(table)
    return all(row.reached is not False for row in rows)
