"""How a step ends that does not end DONE: by its error, by a cancel, or with its job back in the queue."""

import asyncio
import time
from typing import Any

import psycopg
import structlog
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stepmill.engine.attempt import Attempt
from stepmill.engine.backends import SURVIVES, attempt_name, end_backends
from stepmill.engine.compute import ComputePool
from stepmill.engine.engine import Engine
from stepmill.engine.failures import error_of, is_connection_lost, is_retryable
from stepmill.engine.fence import is_attempt_lost
from stepmill.engine.interruption import Interruption
from stepmill.engine.json_data import storable
from stepmill.engine.rescue import rescue
from stepmill.engine.traces import trace_of
from stepmill.errors import AttemptLostError, StepmillError, UnavailableError

_FAIL = "SELECT fail_step_v1(%s, %s, %s::smallint, %s, %s, %s) AS next"
_SETTLE_CANCEL = "SELECT settle_cancel_v1(%s, %s, %s) AS next"
_REVOKED = """
SELECT revoked_at IS NOT NULL AS yes FROM job_attempts WHERE job_id = %s AND attempt = %s AND ended_at IS NULL
"""
_ALREADY_DONE = """
SELECT s.name, s.output, j.status, (SELECT r.idx FROM job_steps r WHERE r.job_id = j.job_id AND r.status = 'RUNNING')
FROM jobs j JOIN job_attempts a USING (job_id, attempt) JOIN job_steps s USING (job_id, attempt)
WHERE j.job_id = %s AND j.attempt = %s AND s.idx = %s AND s.status = 'DONE' AND a.revoked_at IS NULL
    AND (a.outcome IS NULL OR j.status IN ('DONE', 'ERROR', 'CANCELLED'))
"""
_DATABASE_LOOK_SECONDS = 1.0
_TRIES = 5
_AGAIN_SECONDS = 0.1

_log = structlog.get_logger(__name__)


class StepEnd:
    """Stops what an attempt does and writes down how its step ended. Answers what is to run next."""

    def __init__(self, engine: Engine, compute_pool: ComputePool) -> None:
        self._engine = engine
        self._compute_pool = compute_pool

    async def fail(self, attempt: Attempt, error: Exception) -> dict[str, Any]:
        """End the step by ``error``. Raises AttemptLostError if the attempt is not the job's any more."""
        settings = self._engine.settings
        told = error_of(error, _log.bind(**attempt.where))
        attempt.error_code = told["code"]
        values = (*attempt.key, attempt.index, Jsonb(storable(told)))
        backoff = (settings.backoff_base_seconds, settings.backoff_max_seconds)
        try:
            row = await self._written(_FAIL, (*values, *backoff))
        except psycopg.Error as refused:
            done = await self.already_done(attempt) if _may_be_done(refused) else None
            if done is not None:
                _log.error("step_failed_after_finish", **attempt.where, traceback=trace_of(error))
                return done
            if not is_attempt_lost(refused):
                raise
            if await self.was_cancelled(attempt):
                await self.stop_statements(attempt_name(*attempt.key))
                return await self.cancel(attempt, 0)
            raise AttemptLostError(*attempt.key) from refused
        following: dict[str, Any] = row["next"]
        if following["idx"] is not None:
            attempt.job["ending"] = {"status": "ERROR"}  # only always-steps are left
        return following

    async def cancel(self, attempt: Attempt, stopped_ms: int) -> dict[str, Any]:
        """End the step CANCELLED, ``stopped_ms`` after its work was told to stop.

        The always-steps run as a new attempt: what the old one may still try is fenced off.
        """
        row = await self._written(_SETTLE_CANCEL, (*attempt.key, stopped_ms))
        following: dict[str, Any] | None = row["next"]
        if following is None:
            raise AttemptLostError(*attempt.key)
        attempt.job = {**attempt.job, "attempt": following["attempt"], "ending": {"status": "CANCELLED"}}
        attempt.interruption = Interruption()
        attempt.started = time.monotonic()
        return following

    async def already_done(self, attempt: Attempt) -> dict[str, Any] | None:
        """What follows the step, where the attempt is current and the step DONE; None otherwise.

        Its transaction may have been committed though an error came after: as its time ran out, or it was cut off.
        """
        async with self._engine.database.autocommit() as conn:
            row = await (await conn.execute(_ALREADY_DONE, (*attempt.key, attempt.index))).fetchone()
        if row is None:
            return None
        attempt.outputs[row["name"]] = row["output"]
        attempt.error_code = None
        return {"idx": row["idx"], "status": row["status"]}

    async def was_cancelled(self, attempt: Attempt) -> bool:
        """Whether the attempt, which is still the job's, was cancelled."""
        async with self._engine.database.autocommit() as conn:
            row = await (await conn.execute(_REVOKED, attempt.key)).fetchone()
        return bool(row and row["yes"])

    async def stop(self, owner: str) -> None:
        """Stop the owner's computing and statements, and prove them gone."""
        await self._compute_pool.kill(owner)
        await self.stop_statements(owner)

    async def stop_statements(self, owner: str) -> None:
        """End the owner's statements, however long it takes: a job says that it is stopped when it is."""
        while True:
            try:
                await end_backends(self._engine.database, owner)
                return
            except UnavailableError as error:
                if error.code != SURVIVES:
                    raise
                _log.error("backend_survives", owner=owner)

    async def give_back(self, key: tuple[str, int], reason: str) -> None:
        """Send the job back to PENDING, as soon as the database answers."""
        while True:
            try:
                await self.stop(attempt_name(*key))
                async with self._engine.database.autocommit() as conn:
                    await rescue(self._engine, conn, key, reason)
                return
            except (psycopg.Error, StepmillError) as error:
                if not is_connection_lost(error) and not is_retryable(error):
                    raise
                await asyncio.sleep(_DATABASE_LOOK_SECONDS)

    async def _written(self, statement: str, values: tuple[Any, ...]) -> DictRow:
        """The answer to a statement by which a step ends. It is tried again where another was in its way."""
        for tries_left in reversed(range(_TRIES)):
            try:
                async with self._engine.database.autocommit() as conn:
                    row = await (await conn.execute(statement, values)).fetchone()
            except psycopg.Error as error:
                if not tries_left or not is_retryable(error):
                    raise
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                assert row is not None
                return row
        raise AssertionError("the last try returns or raises")


def _may_be_done(refused: psycopg.Error) -> bool:
    """Whether a step could not fail because it, and with it maybe the job, had ended before."""
    return isinstance(refused, psycopg.errors.CheckViolation) or is_attempt_lost(refused)
