"""Progress and log lines of one running step, as durable events: progress at most twice a second, log lines at once."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stepmill.engine.engine import Engine
from stepmill.engine.json_data import storable
from stepmill.errors import StepmillError

_REPORT = "SELECT report_v1(%s, %s, %s::smallint, %s, %s) AS current"
_PROGRESS_SECONDS = 0.5
_FIRST_SECONDS = 0.1
"""After which a step's first progress is written. One that is over by then has no progress of its own to tell."""
_MOST_RETRY_SECONDS = 5.0
_MAX_MESSAGE = 2_000
_CLOSING_WRITES = 2
_LINES_SHOWN = 10
_UNSTORABLE = (psycopg.DataError, ValueError, TypeError)
_MAX_LINES = 1_000  # that wait to be written; a step that logs faster is told so

_log = structlog.get_logger(__name__)


class StepReport:
    """Collects what a step reports and writes it; an old attempt's reports are dropped by the database."""

    def __init__(self, engine: Engine, job_id: str, attempt: int, index: int, step: str) -> None:
        self._engine = engine
        self._key = (job_id, attempt, index)
        self._step = step
        self._lines: list[dict[str, Any]] = []
        self._being_written = 0
        self._dropped = 0
        self._failures = 0
        self._progress: dict[str, Any] | None = None
        self._progress_is_new = False
        self._has_written_progress = False
        self._progress_at = time.monotonic() - _PROGRESS_SECONDS + _FIRST_SECONDS
        self._wake = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None

    @property
    def latest_progress(self) -> dict[str, Any] | None:
        """The last progress reported."""
        return self._progress

    def progress(self, done: float, total: float | None = None, unit: str = "rows", message: str | None = None) -> None:
        """Say how far the step is."""
        self._progress = storable({"done": done, "total": total, "unit": unit, "message": _clip(message)})
        self._progress_is_new = True
        self._kick()

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Write a line to the job's log."""
        if len(self._lines) + self._being_written >= _MAX_LINES:
            self._dropped += 1
            return
        line = {"level": level, "message": _clip(message), "step": self._step, "fields": fields}
        self._lines.append({"kind": "log", "data": storable(line)})
        self._kick()

    async def close(self, *, end_has_progress: bool = False) -> None:
        """Write what is left. Where the caller is cancelled meanwhile, the write goes on: its lines would be lost.

        With ``end_has_progress`` the step's end is about to be written, and all the progress of a step so short that
        none was written yet.
        """
        if end_has_progress and not self._has_written_progress:
            self._progress_is_new = False
        for _ in range(_CLOSING_WRITES):
            if self._writer is None and not self._has_news:
                return
            self._closing = True
            self._kick()
            assert self._writer is not None
            try:
                await asyncio.shield(self._writer)
            finally:
                if self._writer.done():
                    self._writer, self._closing = None, False

    @property
    def _has_news(self) -> bool:
        return bool(self._lines or self._dropped or self._progress_is_new)

    def _kick(self) -> None:
        self._wake.set()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._run(), name=f"stepmill report {self._key[0]}")

    async def _run(self) -> None:
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            await self._write(force=self._closing)
            if self._failures:  # each time twice as long: the database may be away for hours
                seconds = _PROGRESS_SECONDS * 2.0 ** (self._failures - 1)
                await self._pause(min(seconds, _MOST_RETRY_SECONDS), for_news=False)
            elif self._progress_is_new:
                await self._pause(self._progress_at + _PROGRESS_SECONDS - time.monotonic(), for_news=True)
        await self._write(force=True)

    async def _pause(self, seconds: float, *, for_news: bool) -> None:
        """Wait that long, at most until the step ends, or there is something new where that is waited for."""
        # Not wait_for, which before Python 3.12 forgets a cancellation that comes together with the wake-up.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._closing:
                    await self._wake.wait()
                    if for_news:
                        break
                    self._wake.clear()
        self._wake.set()

    async def _write(self, *, force: bool) -> None:
        lines, self._lines = self._lines, []
        dropped, self._dropped = self._dropped, 0
        due = self._progress_is_new and (force or time.monotonic() - self._progress_at >= _PROGRESS_SECONDS)
        events = [*lines, *([self._left_out(dropped)] if dropped else [])]
        if due:
            events.append({"kind": "progress", "data": {"step": self._step, **(self._progress or {})}})
            self._progress_is_new, self._progress_at = False, time.monotonic()
            self._has_written_progress = True
        if not events:
            return
        self._being_written = len(lines)
        try:
            await self._send(events)
            self._failures = 0
            self._engine.notifier.touch(self._key[0])
        except (psycopg.Error, StepmillError) as error:
            _log.warning("report_failed", job_id=self._key[0], lines=len(lines), error=type(error).__name__)
            self._failures += 1
            self._progress_is_new |= due
            if isinstance(error, psycopg.Error) and error.sqlstate is None:
                # The connection broke off: they may be there, and written again they would be twice.
                self._dropped += dropped + len(lines)
            else:
                self._dropped += dropped
                self._lines[:0] = lines
        finally:
            self._being_written = 0

    async def _send(self, events: list[dict[str, Any]]) -> None:
        """Write them, but for those that can't be stored: these are counted as left out, and keep no others back."""
        try:
            async with self._engine.database.autocommit() as conn:
                await self._report(conn, events)
        except _UNSTORABLE:
            await self._send_storable(events)

    async def _send_storable(self, events: list[dict[str, Any]]) -> None:
        """All in one transaction: where it breaks off, none of them is there twice when they are written again."""
        refused = []
        async with self._engine.database.transaction("stepmill_engine") as conn:
            for event in events:
                try:
                    async with conn.transaction():
                        await self._report(conn, [event])
                except _UNSTORABLE as error:
                    refused.append(event)
                    _log.warning("report_refused", job_id=self._key[0], error=type(error).__name__)
        self._dropped += sum(event["kind"] == "log" for event in refused)

    async def _report(self, conn: psycopg.AsyncConnection[DictRow], events: list[dict[str, Any]]) -> None:
        progress = next((self._progress for event in events if event["kind"] == "progress"), None)
        values = (*self._key, Jsonb(events), Jsonb(progress) if progress else None)
        row = await (await conn.execute(_REPORT, values)).fetchone()
        if row is None or not row["current"]:
            lines = [event["data"]["message"] for event in events if event["kind"] == "log"]
            _log.warning("report_too_late", job_id=self._key[0], step=self._step, lines=lines[:_LINES_SHOWN])

    def _left_out(self, count: int) -> dict[str, Any]:
        text = f"{count} log lines were left out: they came too fast, or the database was away or refused them."
        return {"kind": "log", "data": {"level": "warning", "message": text, "step": self._step, "fields": {}}}


def _clip(message: str | None) -> str | None:
    return None if message is None else message[:_MAX_MESSAGE]
