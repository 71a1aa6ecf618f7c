"""`stepmill load`: files to tables, in one command."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar, get_args

import typer
from rich.markup import escape

from stepmill.cli.exit_codes import ExitCode, exit_code_of_job
from stepmill.cli.failures import command
from stepmill.cli.loading import Loaded, Loader
from stepmill.cli.options import DataDirOption, EnvOption, JsonOption, UrlOption, settings_of
from stepmill.cli.output import duration_text, out, print_json, seconds_between
from stepmill.cli.own_server import server_for
from stepmill.cli.show_job import show_accounting, show_error
from stepmill.client import LoadMode, SchemaChange

Choice = TypeVar("Choice", bound=str)

MODES: tuple[LoadMode, ...] = get_args(LoadMode)
CHANGES: tuple[SchemaChange, ...] = get_args(SchemaChange)

app = typer.Typer(add_completion=False)


def _one_of(choices: tuple[Choice, ...]) -> Callable[[str], Choice]:
    def parse(text: str) -> Choice:
        for choice in choices:
            if choice == text:
                return choice
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(choices)}.")

    return parse


@app.command()
@command
def load(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, readable=True, help="Files to load.")
    ],
    name: Annotated[str | None, typer.Option("--table", help="The table. Default: each file's name.")] = None,
    mode: Annotated[
        LoadMode | None,
        typer.Option(
            "--mode",
            parser=_one_of(MODES),
            metavar=f"[{'|'.join(MODES)}]",
            help="How a file's rows meet those there. Default: replaceFile for a new table.",
        ),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="Key column, for upsert, or of a partition; may be repeated.")
    ] = None,
    schema_change: Annotated[
        SchemaChange | None,
        typer.Option(
            "--schema-change",
            parser=_one_of(CHANGES),
            metavar=f"[{'|'.join(CHANGES)}]",
            help="What becomes of columns and values that the table does not know. Default: evolve for a new table.",
        ),
    ] = None,
    allow_small: Annotated[
        bool, typer.Option("--allow-small", help="Replace even by far fewer rows than were there.")
    ] = False,
    env: EnvOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load files into tables. Uses the server that runs, or starts one for as long as it takes."""
    if mode == "upsert" and not key:
        raise typer.BadParameter("--mode upsert needs the key: --key COLUMN.")
    settings = settings_of(url=url, data_dir=data_dir, environment=env)
    worst = ExitCode.DONE
    with server_for(settings, quiet=as_json) as client:
        loader = Loader(
            client, settings.environment, mode, tuple(key or ()), allow_small, as_json, schema_change=schema_change
        )
        for file in files:
            loaded = loader.load(file, name or table_name(file))
            worst = worst or exit_code_of_job(loaded.job["status"])
            if as_json:
                print_json(loaded.as_json())
            else:
                _show(loaded)
    raise typer.Exit(worst)


def table_name(file: Path) -> str:
    """The table that a file goes to if none is named: the file's name without what says its format."""
    name = file.name
    for ending in (".gz", ".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name


def _show(loaded: Loaded) -> None:
    console, job = out(), loaded.job
    took = duration_text(seconds_between(job["createdAt"], job["finishedAt"]))
    if job["status"] != "DONE":
        failed = f"{job['status']} after {took}  [dim]{job['jobId']}[/]"
        console.print(f"[bold red]✗[/] {escape(str(loaded.file))} {failed}", soft_wrap=True)
        if job["error"]:
            show_error(console, dict(job["error"]))
        return
    result = job["result"] or {}
    table = f"[bold]{escape(result['logicalName'])}[/]"
    console.print(f"[green]✓[/] {escape(str(loaded.file))} → {table} in {took}", soft_wrap=True)
    show_accounting(console, result)
