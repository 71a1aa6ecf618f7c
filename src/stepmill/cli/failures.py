"""Errors as a user of the command line sees them: what is wrong, where, and what to do next. Never a traceback."""

import functools
import json
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from stepmill.cli.exit_codes import exit_code_of
from stepmill.errors import AuthenticationError, InputError, StepmillError

P = ParamSpec("P")
R = TypeVar("R")

HINTS = {
    "server_unreachable": "Start one with `stepmill serve`, or name another with --url or STEPMILL_URL.",
    "no_credentials": "A server on this machine gives them by itself: run this as the user who started it.",
    "job_not_found": "See the jobs with `stepmill jobs list`.",
    "table_not_found": "See the tables with `stepmill tables list`.",
    "unknown_job_type": "See `GET /api/job-types` for the types that the server knows.",
    "not_retryable": "Only a job that ended in ERROR or CANCELLED can be retried.",
    "not_cancellable": "The job has ended already.",
}
SIGN_IN_HINT = "Set STEPMILL_TOKEN, or STEPMILL_SERVICE_SECRET, to what the server was started with."


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Make a command report Stepmill's errors in plain words, or as JSON if it was called with `--json`."""

    @functools.wraps(function)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except StepmillError as error:
            report(error, as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(exit_code_of(error)) from None

    return reporting


def report(error: StepmillError, *, as_json: bool) -> None:
    """Write an error to standard error."""
    if as_json:
        fields = [vars(field) for field in error.errors] if isinstance(error, InputError) else []
        body = {**error.as_json(), **({"errors": fields} if fields else {})}
        sys.stderr.write(json.dumps({"error": body}) + "\n")
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]Error:[/] {escape(error.message)}")
    if isinstance(error, InputError):
        for field in error.errors:
            console.print(f"  [bold]{escape(field.pointer or '/')}[/] {escape(field.message)}")
    hint = HINTS.get(error.code) or (SIGN_IN_HINT if isinstance(error, AuthenticationError) else None)
    if hint:
        console.print(f"[dim]{escape(hint)}[/]")
