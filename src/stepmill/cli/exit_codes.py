"""What the program's exit status means. `docs/cli.md` has the same list; a test compares them."""

from enum import IntEnum

from stepmill.errors import (
    ConfigurationError,
    StepmillError,
    UnavailableError,
)


class ExitCode(IntEnum):
    """The exit statuses."""

    DONE = 0
    """What was asked is done."""
    JOB_FAILED = 1
    """A job ended in ERROR."""
    USAGE = 2
    """The arguments are wrong, or a file that they name can't be read."""
    NO_SERVER = 3
    """No server answers, or what it needs doesn't."""
    CANCELLED = 4
    """A job was cancelled."""
    REFUSED = 5
    """The server refused the request: not found, not allowed, not valid."""
    SET_UP = 6
    """The installation is wrong and someone must act: a port is taken, a privilege or a setting is missing."""
    INTERRUPTED = 130
    """Ctrl-C."""


def exit_code_of(error: StepmillError) -> ExitCode:
    """The status with which the program ends because of `error`."""
    if isinstance(error, UnavailableError):
        return ExitCode.NO_SERVER
    if isinstance(error, ConfigurationError):
        return ExitCode.SET_UP
    return ExitCode.REFUSED


def exit_code_of_job(status: str) -> ExitCode:
    """The status with which the program ends because of how a job ended."""
    return {"DONE": ExitCode.DONE, "CANCELLED": ExitCode.CANCELLED}.get(status, ExitCode.JOB_FAILED)
