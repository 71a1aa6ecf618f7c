"""One step of one attempt: its context, and what it may do to the database."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, get_type_hints

import psycopg
from psycopg.rows import DictRow, tuple_row
from psycopg.types.json import Jsonb

from stepmill.engine.artifacts import JobArtifacts
from stepmill.engine.backends import attempt_name
from stepmill.engine.claim_ahead import TICKET_FIELDS, ClaimsAhead, Wanted
from stepmill.engine.compute import ComputePool
from stepmill.engine.context import AttemptConnection, Transaction
from stepmill.engine.engine import Engine
from stepmill.engine.failures import is_connection_lost
from stepmill.engine.fence import assert_current_async, is_attempt_lost
from stepmill.engine.job_type import EnvParams, JobType, Output
from stepmill.engine.json_data import storable
from stepmill.engine.reporting import StepReport
from stepmill.errors import AttemptLostError
from stepmill.gateways import Gateways
from stepmill.gateways.sql.roles import Role
from stepmill.settings import Settings

T = TypeVar("T")

_FINISH = "SELECT finish_step_v1(%s, %s, %s::smallint, %s, %s) AS next"
_FINISH_AND_CLAIM = f"""
SELECT following, begun, {TICKET_FIELDS} FROM finish_and_claim_v1(%s, %s, %s::smallint, %s, %s, %s, %s, %s)
"""
_AS_ENGINE = "SELECT set_config('role', 'stepmill_engine', true)"


class RunningStep:
    """The :class:`~stepmill.engine.context.StepContext` that a step is given. Made per step, used by it alone."""

    def __init__(
        self,
        engine: Engine,
        gateways: Gateways,
        compute_pool: ComputePool,
        job_type: JobType,
        params: EnvParams,
        job: dict[str, Any],
        outputs: dict[str, Any],
        index: int,
        memo: dict[str, Any],
        before_next: Callable[[], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._compute_pool = compute_pool
        self._job_type = job_type
        self._outputs = outputs
        self._index = index
        self.memo = memo
        self._before_next = before_next
        self.gateways = gateways
        self.params = params
        self.job_id: str = job["job_id"]
        self.attempt: int = job["attempt"]
        self.tenant_id: str = job["tenant_id"]
        self.env_id: str = job["env_id"]
        self.step_name = job_type.steps[index].name
        self.report = StepReport(engine, self.job_id, self.attempt, index, self.step_name)
        self.artifacts = JobArtifacts(gateways.blobs, self.job_id)
        self.next: dict[str, Any] | None = None
        self.finished_output: dict[str, Any] | None = None

    @property
    def owner(self) -> str:
        """Name of the attempt, for its connections and computing processes."""
        return attempt_name(self.job_id, self.attempt)

    @property
    def attempt_connection(self) -> AttemptConnection:
        """What a compute child needs to connect as this attempt."""
        return AttemptConnection(
            url=self._engine.database.url,
            application_name=self.owner,
            job_id=self.job_id,
            attempt=self.attempt,
            tenant_id=self.tenant_id,
        )

    @property
    def settings(self) -> Settings:
        """The worker's settings."""
        return self._engine.settings

    async def once(self, what: str, read: Callable[[], Awaitable[T]]) -> T:
        """What ``read`` answers, read once in this attempt."""
        if what not in self.memo:
            self.memo[what] = await read()
        found: T = self.memo[what]
        return found

    def output_of(self, run: Callable[[Any], Any]) -> Any:
        """Output of an earlier step, given its ``run`` function."""
        name = next(step.name for step in self._job_type.steps if step.run is run)
        model: type[Output] = get_type_hints(run)["return"]
        return model.model_validate(self._outputs[name])

    def progress(self, done: float, total: float | None = None, unit: str = "rows", message: str | None = None) -> None:
        """Say how far the step is."""
        self.report.progress(done, total, unit, message)

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Write a line to the job's log."""
        self.report.log(level, message, **fields)

    @asynccontextmanager
    async def transaction(
        self,
        role: Role = "stepmill_loader",
        *,
        statement_timeout: float | None = None,
        lock_timeout: float | None = None,
    ) -> AsyncIterator[Transaction]:
        """A transaction that commits only while this attempt is current."""
        tx: Transaction | None = None
        try:
            async with self._engine.database.transaction(
                role,
                tenant=self.tenant_id,
                application_name=self.owner,
                statement_timeout=statement_timeout,
                lock_timeout=lock_timeout,
            ) as conn:
                tx = Transaction(conn)
                yield tx
                if not tx.finished:
                    await assert_current_async(conn, self.job_id, self.attempt)
        except BaseException:
            if tx is not None and tx.finished:  # whether it was committed all the same, the database says
                self.next = self.finished_output = None
            raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[psycopg.AsyncConnection[DictRow]]:
        """A transaction that reads."""
        async with self._engine.database.transaction(
            "stepmill_loader", tenant=self.tenant_id, application_name=self.owner, read_only=True
        ) as conn:
            yield conn

    async def finish(self, tx: Transaction, output: Any) -> Any:
        """Record the step DONE in ``tx``."""
        await self.report.close(end_has_progress=True)
        await self._before_next()
        await tx.conn.execute(_AS_ENGINE)
        self.next = await self._finish(tx.conn, output)
        tx.finished = True
        return output

    async def finish_alone(self, output: Output, claims: ClaimsAhead | None = None) -> dict[str, Any]:
        """Record the step DONE in a transaction of its own and return what comes next.

        If it is the last, the next ticket is claimed with it as far as ``claims`` wants one.
        """
        await self.report.close(end_has_progress=True)
        await self._before_next()
        wanted = claims.wanted() if claims is not None else None
        if claims is not None and wanted is not None:
            async with self._engine.database.autocommit() as conn:
                following = await self._finish_and_claim(conn, output, claims, wanted)
            if following is not None:
                return following
        async with self._engine.database.autocommit() as conn:
            return await self._finish(conn, output)

    async def _finish_and_claim(
        self, conn: psycopg.AsyncConnection[Any], output: Output, claims: ClaimsAhead, wanted: Wanted
    ) -> dict[str, Any] | None:
        """None if nothing was done: it may be for the claim, which is then made by itself."""
        data, values = self._record(output)
        cursor = conn.cursor(row_factory=tuple_row)
        asked = time.monotonic()
        try:
            await cursor.execute(_FINISH_AND_CLAIM, (*values, wanted.types, wanted.number, wanted.worker_id))
            row = await cursor.fetchone()
        except asyncio.CancelledError:
            claims.unsure()
            raise
        except psycopg.Error as error:
            if is_attempt_lost(error):
                raise AttemptLostError(self.job_id, self.attempt) from error
            if is_connection_lost(error):
                claims.unsure()
                raise
            claims.refused()
            return None
        assert row is not None
        following, begun, *ticket = row
        claims.take_in(tuple(ticket) if ticket[0] is not None else None, begun, asked)
        self.finished_output = data
        return dict(following)

    async def _finish(self, conn: psycopg.AsyncConnection[Any], output: Output) -> dict[str, Any]:
        data, values = self._record(output)
        try:
            row = await (await conn.execute(_FINISH, values)).fetchone()
        except psycopg.Error as error:
            if is_attempt_lost(error):
                raise AttemptLostError(self.job_id, self.attempt) from error
            raise
        assert row is not None
        self.finished_output = data
        following: dict[str, Any] = row["next"]
        return following

    def _record(self, output: Output) -> tuple[dict[str, Any], tuple[Any, ...]]:
        """The output as it is stored, and what the statement is given that stores it."""
        data = storable(output.model_dump(mode="json", by_alias=True))
        progress = self.report.latest_progress
        return data, (self.job_id, self.attempt, self._index, Jsonb(data), Jsonb(progress) if progress else None)

    async def compute(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run ``function(report, *args)`` in a child process."""
        try:
            return await self._compute_pool.run(self.owner, self.report, function, args)
        except asyncio.CancelledError:
            await self._compute_pool.kill(self.owner)
            raise
