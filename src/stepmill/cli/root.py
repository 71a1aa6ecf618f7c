"""The commands by name, and the program's entry."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

import stepmill
from stepmill.errors import InputError


@dataclass(frozen=True)
class Entry:
    """A command: its name, the module that holds it as `app`, its line of help, and the heading it stands under."""

    name: str
    module: str
    help: str
    heading: str


COMMANDS = (
    Entry("serve", "stepmill.cli.serve", "Run everything: database, api, console and a worker.", "Servers"),
    Entry("link", "stepmill.cli.link", "Print a new link that signs a browser in.", "Servers"),
    Entry("api", "stepmill.cli.api", "Run the HTTP api alone.", "Servers"),
    Entry("worker", "stepmill.cli.worker", "Run a worker alone.", "Servers"),
    Entry("migrate", "stepmill.cli.migrate", "Bring the database to this program's version.", "Servers"),
    Entry("doctor", "stepmill.cli.doctor", "Check the installation and say how to mend it.", "Servers"),
    Entry("psql", "stepmill.cli.psql", "Open psql on Stepmill's database.", "Servers"),
    Entry("load", "stepmill.cli.load", "Load files into tables, in one command.", "Work"),
    Entry("inspect", "stepmill.cli.inspect", "Show how files would be read, without loading them.", "Work"),
    Entry("jobs", "stepmill.cli.jobs", "Submit, list, show, watch, cancel and retry jobs.", "Work"),
    Entry("tables", "stepmill.cli.tables", "List and show tables and what was rejected.", "Work"),
    Entry("demo", "stepmill.cli.demo", "Load a sample file into a server of its own and show what happens.", "Work"),
)
_AS_JSON = "stepmill.as_json"
MODULES = {entry.name: entry.module for entry in COMMANDS}


class CommandTable(TyperGroup):
    """A group whose commands are imported when one of them is called; its own help needs the table above only."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of a call, which remembers whether a script made it."""
        as_json = "--json" in args
        with _usage_errors_as_json(as_json):
            ctx = super().make_context(info_name, args, parent, **extra)
        ctx.meta[_AS_JSON] = as_json
        return ctx

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is called."""
        with _usage_errors_as_json(ctx.meta[_AS_JSON]):
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command in the place of the one that stands for it in the help."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            command = typer.main.get_command(importlib.import_module(MODULES[name]).app)
        return name, command, rest


@contextmanager
def _usage_errors_as_json(as_json: bool) -> Iterator[None]:
    """For a script, write what is wrong with the call as every other error; a terminal gets it drawn."""
    try:
        yield
    except TyperException as error:
        if not as_json:
            raise
        from stepmill.cli.failures import report  # not for the help, which must be quick

        report(InputError("wrong_usage", error.format_message()), as_json=True)
        raise typer.Exit(error.exit_code) from None


def build() -> typer.Typer:
    """The program, with a command of no effect in the place of each that is not imported yet."""
    program = typer.Typer(
        name="stepmill",
        cls=CommandTable,
        help="The job worker of a self-hosted data platform: files become typed PostgreSQL tables.",
        epilog="Exit codes: 0 done, 1 job failed, 2 wrong usage, 3 no server, 4 cancelled, 5 refused, 6 set-up wrong.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    program.callback()(_options)
    for entry in COMMANDS:
        program.command(entry.name, help=entry.help, rich_help_panel=entry.heading)(_stand_in())
    return program


def main() -> None:
    """The entry of the console script."""
    build()(prog_name="stepmill")


def _stand_in() -> Callable[[], None]:
    def stand_in() -> None:
        raise AssertionError("resolve_command puts the real command here")

    return stand_in


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stepmill {stepmill.__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""
