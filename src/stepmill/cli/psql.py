"""`stepmill psql`: psql on Stepmill's database."""

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

import typer
from psycopg.conninfo import make_conninfo

from stepmill.cli.failures import command
from stepmill.cli.options import DatabaseOption, DataDirOption, settings_of
from stepmill.cli.supervision.database import any_database
from stepmill.errors import ConfigurationError
from stepmill.gateways.sql.addresses import read_address
from stepmill.gateways.sql.server_files import ServerUser, binaries
from stepmill.settings import Settings

app = typer.Typer(add_completion=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@command
def psql(ctx: typer.Context, database_url: DatabaseOption = None, data_dir: DataDirOption = None) -> None:
    """Open psql on the database of a data folder; further arguments go to psql. Starts the database if it must."""
    settings = settings_of(database_url=database_url, data_dir=data_dir)
    raise typer.Exit(asyncio.run(_run(settings, list(ctx.args))))


async def _run(settings: Settings, arguments: list[str]) -> int:
    async with any_database(settings) as url:
        command, environment = _command(url, settings, arguments)
        # Ctrl-C is psql's: it cancels the statement there and must not end this process.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
        return await asyncio.to_thread(subprocess.call, command, env=environment)


def _command(url: str, settings: Settings, arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """What to run. A password goes by the environment: other users can read a command line."""
    address = read_address(url)
    password = address.pop("password", None)
    schema = "env_" + settings.environment.replace("-", "_")
    environment = {**os.environ, "PGAPPNAME": "stepmill psql", "PGOPTIONS": f"-c search_path={schema},stepmill,public"}
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return [psql_program(), "-d", make_conninfo("", **address), *arguments], environment


def psql_program() -> str:
    """The psql of the system, which knows the terminal better, else the one that comes with the embedded database."""
    found = shutil.which("psql")
    if found is not None:
        return found
    bundled = binaries(ServerUser(os.geteuid(), os.getegid()), Path()) / "psql"
    if not bundled.exists():
        raise ConfigurationError("psql_missing", "There is no psql. Install PostgreSQL's client programs.")
    return str(bundled)
