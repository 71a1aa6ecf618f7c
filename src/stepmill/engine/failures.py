"""What an exception means for a job: its code, a sentence, and whether trying again can help."""

from typing import Any

import psycopg
from structlog.stdlib import BoundLogger

from stepmill.engine.compute import DatabaseLostError
from stepmill.engine.traces import trace_of
from stepmill.errors import StepmillError, UnavailableError

_CONNECTION_CLASSES = ("08",)
_SHUTDOWN_STATES = ("57P01", "57P02", "57P03")
_RETRYABLE_STATES = ("40001", "40P01", "55P03", "55006", "53300", "25P03", "57P05")


def is_connection_lost(error: BaseException) -> bool:
    """Whether the database went away under the attempt, which then did not fail but was cut off."""
    if isinstance(error, DatabaseLostError):
        return True
    if isinstance(error, UnavailableError):
        return error.code == "database_unavailable"
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate in _SHUTDOWN_STATES or error.sqlstate[:2] in _CONNECTION_CLASSES


def is_retryable(error: BaseException) -> bool:
    """Whether the same statement may well succeed a moment later."""
    if isinstance(error, psycopg.Error):
        return error.sqlstate in _RETRYABLE_STATES
    return isinstance(error, StepmillError) and error.retryable


def error_of(error: BaseException, log: BoundLogger) -> dict[str, Any]:
    """The exception as a job's error; one that nobody foresaw is written to ``log`` as well.

    Neither holds its text unless the text is one of ours: others may name secrets.
    """
    if isinstance(error, StepmillError):
        return error.as_json()
    if isinstance(error, psycopg.errors.QueryCanceled):
        return _error("statement_timeout", "A database statement ran out of its time.", retryable=True)
    if isinstance(error, psycopg.Error):
        return _database_error(error, log)
    if isinstance(error, ConnectionError | TimeoutError):
        return _error("connection_failed", "A connection to something outside broke or took too long.", retryable=True)
    log.error("step_failed_unexpectedly", error=type(error).__name__, traceback=trace_of(error))
    return _error(
        "internal_error", f"An unexpected {type(error).__name__}; the worker's log has the details.", retryable=False
    )


def _database_error(error: psycopg.Error, log: BoundLogger) -> dict[str, Any]:
    state = error.sqlstate or ""
    if state in _RETRYABLE_STATES:
        return _error(
            "database_busy", "The database was busy with something else; it is worth another try.", retryable=True
        )
    names = {key: getattr(error.diag, f"{key}_name") for key in ("schema", "table", "column", "constraint")}
    log.error("step_failed_in_database", sqlstate=state, **names, traceback=trace_of(error))
    return _error(
        "database_error",
        f"The database refused a statement (SQLSTATE {state or 'unknown'}); the worker's log has the details.",
        retryable=state[:2] == "53",  # out of some resource
        details={"sqlstate": state},
    )


def _error(code: str, message: str, *, retryable: bool, details: dict[str, Any] | None = None) -> dict[str, Any]:
    return StepmillError(code, message, retryable=retryable, details=details).as_json()
