"""`stepmill serve`: everything in one process tree."""

import asyncio
from typing import Annotated

import typer
from rich.markup import escape

from stepmill import logs
from stepmill.cli.failures import command
from stepmill.cli.instance import Note
from stepmill.cli.options import DatabaseOption, DataDirOption, HostOption, JsonOption, PortOption, settings_of
from stepmill.cli.output import out, print_json
from stepmill.cli.supervision.lifeline import stop_with_parent
from stepmill.cli.supervision.server import serve as run_server
from stepmill.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
@command
def serve(
    host: HostOption = None,
    port: PortOption = None,
    data_dir: DataDirOption = None,
    database_url: DatabaseOption = None,
    end_with_stdin: Annotated[bool, typer.Option("--end-with-stdin", hidden=True)] = False,
    as_json: JsonOption = False,
) -> None:
    """Run everything: an embedded PostgreSQL (or the one named), the api with its console, and a worker."""
    settings = settings_of(host=host, port=port, data_dir=data_dir, database_url=database_url)
    logs.configure(settings.log_level, settings.log_format)
    if end_with_stdin:
        stop_with_parent()

    def announce(note: Note, link: str) -> None:
        if as_json:
            print_json({"url": note.url, "link": link, "pid": note.pid, "dataDir": str(settings.data_dir)})
        else:
            _banner(settings, note, link)

    asyncio.run(run_server(settings, announce))


def _banner(settings: Settings, note: Note, link: str) -> None:
    database = "the one named" if settings.database_url else f"embedded, in {settings.data_dir}"
    console = out()
    console.print(f"[bold]Stepmill[/] is ready at [bold]{note.url}[/]")
    console.print(f"Database: {escape(database)}")
    console.print("Open this link to sign in. It works once, within a quarter of an hour:")
    console.print(f"  [cyan]{link}[/]", soft_wrap=True)
    console.print("[dim]Load a file: stepmill load FILE.csv    Stop: Ctrl-C[/]")
