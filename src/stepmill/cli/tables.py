"""`stepmill tables`: list, show, and what was rejected."""

import csv
import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from stepmill.cli.failures import command
from stepmill.cli.options import DataDirOption, EnvOption, JsonOption, LimitOption, UrlOption, settings_of
from stepmill.cli.output import bytes_text, out, print_json, short, table
from stepmill.cli.remote import find_server
from stepmill.cli.show_table import show_rows, show_table
from stepmill.client import Client, Reject, Table
from stepmill.errors import InputError, NotFoundError

app = typer.Typer(help="List and show tables and what was rejected.", no_args_is_help=True, add_completion=False)

TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="The table's name, or its physId.")]


@app.command("list")
@command
def list_tables(
    env: EnvOption = None,
    limit: LimitOption = 50,
    cursor: Annotated[str | None, typer.Option(help="Where to go on: `nextCursor` of the page before.")] = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the tables of an environment."""
    settings = settings_of(url=url, data_dir=data_dir, environment=env)
    with find_server(settings).connect() as client:
        page = client.list_tables(settings.environment, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    if not page["items"]:
        out().print("There are no tables yet. Load a file: stepmill load FILE")
        return
    rows = [
        [
            *short(item, "logicalName", "rows"),
            bytes_text(item["bytes"]),
            item["planVersion"],
            _minute(item["lastLoadAt"]),
        ]
        for item in page["items"]
    ]
    out().print(table(None, ["Table", "Rows", "Size", "Plan", "Last load"], rows))


@app.command()
@command
def show(
    name: TableArgument,
    env: EnvOption = None,
    rows: Annotated[int, typer.Option(min=0, max=500, help="How many of its rows to show.")] = 5,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a table: its columns, its last loads, its first rows."""
    settings = settings_of(url=url, data_dir=data_dir, environment=env)
    with find_server(settings).connect() as client:
        found = find_table(client, settings.environment, name)
        loads = client.list_loads(settings.environment, found["physId"], limit=5)["items"]
        first = client.list_rows(settings.environment, found["physId"], limit=rows)["items"] if rows else []
    if as_json:
        print_json({"table": found, "loads": loads, "rows": first})
        return
    console = out()
    show_table(console, found)
    names = ("loadId", "mode", "rowsRead", "rowsLoaded", "rowsRejected", "planVersion")
    cells = [[*short(load, *names), _minute(load["finishedAt"])] for load in loads]
    console.print()
    console.print(table(None, ["Load", "Mode", "Read", "Loaded", "Rejected", "Plan", "Finished"], cells))
    if first:
        console.print()
        show_rows(console, first)


@app.command()
@command
def rejects(
    name: Annotated[str | None, typer.Argument(metavar="[TABLE]", help="The table: its newest load's rejects.")] = None,
    load_id: Annotated[str | None, typer.Option("--load", help="The load, instead of the table's newest.")] = None,
    env: EnvOption = None,
    limit: LimitOption = 50,
    cursor: Annotated[str | None, typer.Option(help="Where to go on: `nextCursor` of the page before.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV.")] = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the rows that a load rejected: line, column, reason and raw value."""
    settings = settings_of(url=url, data_dir=data_dir, environment=env)
    with find_server(settings).connect() as client:
        load_id = load_id or _newest_load(client, settings.environment, name)
        page = client.list_rejects(settings.environment, load_id, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
    elif as_csv:
        _write_csv(page["items"])
    elif not page["items"]:
        out().print(f"Load {escape(load_id)} rejected nothing.")
    else:
        _show_rejects(page["items"], more=bool(page.get("nextCursor")))


def find_table(client: Client, env_id: str, name: str) -> Table:
    """A table by its logical name or its physId."""
    cursor: str | None = None
    while True:
        page = client.list_tables(env_id, limit=500, cursor=cursor)
        for item in page["items"]:
            if name in (item["logicalName"], item["physId"]):
                return client.get_table(env_id, item["physId"])
        cursor = page.get("nextCursor")
        if not cursor:
            raise NotFoundError("table_not_found", f"There is no table {name!r} in the environment {env_id!r}.")


def _newest_load(client: Client, env_id: str, name: str | None) -> str:
    if name is None:
        raise InputError("table_missing", "Name a table, or a load with --load.")
    loads = client.list_loads(env_id, find_table(client, env_id, name)["physId"], limit=1)["items"]
    if not loads:
        raise NotFoundError("no_loads", f"Nothing was ever loaded into {name!r}.")
    return loads[0]["loadId"]


def _show_rejects(items: list[Reject], *, more: bool) -> None:
    rows = [[item["line"], item["column"], item["code"], item["reason"], item["raw"]] for item in items]
    out().print(table(None, ["Line", "Column", "Code", "Reason", "Raw value"], rows))
    if more:
        out().print("[dim]There are more: raise --limit, or use --json and --cursor.[/]")


def _write_csv(items: list[Reject]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(["line", "column", "code", "reason", "raw"])
    writer.writerows([item["line"], item["column"], item["code"], item["reason"], item["raw"]] for item in items)


def _minute(time: Any) -> str:
    return str(time)[:16].replace("T", " ") if time else ""
