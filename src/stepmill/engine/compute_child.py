"""The process that computes: reads calls from its standard input, runs them, and answers on its standard output.

A message is four bytes of length and then its body: a pickled call from the worker (trusted), JSON back to it (what a
child says is not: it reads what strangers wrote). The child ends with its parent, however that ends.
"""

import importlib
import os
import pickle
import signal
import struct
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, BinaryIO

import orjson

from stepmill.errors import StepmillError
from stepmill.lifelines import die_with

HEADER = struct.Struct(">I")


class ChildReporter:
    """Sends progress and log lines to the worker, which decides how many of them to keep."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send

    def progress(self, done: float, total: float | None = None, unit: str = "rows", message: str | None = None) -> None:
        """Say how far the call is."""
        self._send({"kind": "progress", "done": done, "total": total, "unit": unit, "message": message})

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Write a line to the job's log."""
        self._send({"kind": "log", "level": level, "message": message, "fields": fields})

    def statement(self, text: str, began: int, ended: int, error: str | None) -> None:
        """Tell of a database statement, for the trace."""
        self._send({"kind": "statement", "text": text, "began": began, "ended": ended, "error": error})


class _Channel:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        body = orjson.dumps(message, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
        with self._lock:
            self._stream.write(HEADER.pack(len(body)) + body)
            self._stream.flush()


def main() -> None:
    """Serve calls until the parent closes its end."""
    _end_with_parent()
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not be taken for an answer
    for name in filter(None, os.environ.get("STEPMILL_COMPUTE_WARM", "").split(",")):
        importlib.import_module(name)
    channel = _Channel(answers)
    channel.send({"kind": "ready"})
    while header := calls.read(HEADER.size):
        if len(header) < HEADER.size:
            break
        call = pickle.loads(calls.read(HEADER.unpack(header)[0]))  # noqa: S301 - the worker wrote it
        module, name, args, is_traced = call
        report = ChildReporter(channel.send)
        with _told(report) if is_traced else nullcontext():
            answer = _run(module, name, args, report)
        channel.send(answer)


def _told(report: ChildReporter) -> AbstractContextManager[None]:
    from stepmill.gateways.sql.statements import told

    return told(report.statement)


def _run(module: str, name: str, args: tuple[Any, ...], report: ChildReporter) -> dict[str, Any]:
    try:
        function = getattr(importlib.import_module(module), name)
        return {"kind": "result", "value": function(report, *args)}
    except StepmillError as error:
        return {"kind": "error", **error.as_json()}
    except MemoryError:
        return {
            "kind": "error",
            "code": "memory_limit",
            "message": "The computing process ran out of memory.",
            "retryable": False,
        }
    except Exception as error:  # noqa: BLE001 - told to the worker, whatever it is
        return _unexpected(error)


def _unexpected(error: Exception) -> dict[str, Any]:
    from stepmill.engine.traces import trace_of

    sqlstate = getattr(error, "sqlstate", None)
    return {
        "kind": "unexpected",
        "class": type(error).__name__,
        "sqlstate": sqlstate,
        "traceback": trace_of(error),
        "connectionLost": type(error).__module__.startswith("psycopg")
        and (sqlstate in ("57P01", "57P02", "57P03") or (sqlstate or "08")[:2] == "08")
        and isinstance(error, _operational_error()),
    }


def _operational_error() -> type[Exception]:
    import psycopg

    return psycopg.OperationalError


def _end_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(int(os.environ["STEPMILL_COMPUTE_PARENT"]))


if __name__ == "__main__":
    main()
