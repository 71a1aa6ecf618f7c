"""`stepmill migrate`: the database to this program's version."""

import asyncio

import typer

from stepmill.cli.failures import command
from stepmill.cli.options import DatabaseOption, DataDirOption, JsonOption, settings_of
from stepmill.cli.output import out, print_json
from stepmill.cli.supervision.database import any_database
from stepmill.engine.migrate import migrate as apply_migrations
from stepmill.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
@command
def migrate(database_url: DatabaseOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Bring the database to this program's version. Safe to repeat, and to run from several machines at once."""
    applied = asyncio.run(_run(settings_of(database_url=database_url, data_dir=data_dir)))
    if as_json:
        print_json({"applied": applied})
    elif applied:
        out().print("Applied " + ", ".join(applied) + ".")
    else:
        out().print("The database is up to date.")


async def _run(settings: Settings) -> list[str]:
    async with any_database(settings) as url:
        return await apply_migrations(url)
