"""Run one attempt of one job: its steps in order, until the job rests, waits, is cut off or is cancelled."""

import asyncio
import time
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from stepmill.engine.artifacts import JobArtifacts
from stepmill.engine.attempt import Attempt, check_type
from stepmill.engine.claim_ahead import Begun, ClaimsAhead
from stepmill.engine.compute import ComputePool
from stepmill.engine.engine import Engine
from stepmill.engine.failures import is_connection_lost
from stepmill.engine.fence import is_attempt_lost
from stepmill.engine.local_turns import LocalTurns
from stepmill.engine.lock_document import LockDocument
from stepmill.engine.observe import Taken, observed_run, observed_step
from stepmill.engine.rescue import logged_refusal
from stepmill.engine.run_step import RunningStep
from stepmill.engine.step_end import StepEnd
from stepmill.engine.traces import trace_of
from stepmill.errors import AttemptLostError, ConflictError, StepmillError, TimeoutExceededError
from stepmill.gateways import Gateways

_BEGIN = "SELECT begin_attempt_v1(%s, %s, %s) AS answer"
_IS_CURRENT = "SELECT FROM job_attempts WHERE job_id = %s AND attempt = %s AND outcome IS NULL AND revoked_at IS NULL"
_WAIT_FOR_DOCUMENT = "SELECT wait_for_document_v1(%s, %s, %s::smallint, %s, %s)"
_DOCUMENT_LOOK_SECONDS = 5.0
_CANCEL_AGAIN_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class JobRunner:
    """Runs attempts for one worker and knows which of them run now."""

    def __init__(self, engine: Engine, gateways: Gateways, compute_pool: ComputePool, worker_id: str) -> None:
        self._engine = engine
        self._gateways = gateways
        self._compute_pool = compute_pool
        self._worker_id = worker_id
        limits = engine.settings.tenant_limits
        self._tenant_limits = Jsonb(limits) if limits else None
        self._end = StepEnd(engine, compute_pool)
        self._turns = LocalTurns()
        self.running: set[Attempt] = set()

    async def run(self, job_id: str, begun: Begun | None = None, claims: ClaimsAhead | None = None) -> str | None:
        """Use a ticket for ``job_id``. A stale one does nothing. Answers the job's status, if this run gave it one.

        ``begun`` is what the beginning of its attempt answered, where it has begun with the claim. ``claims`` may have
        the next ticket claimed together with the job's end.
        """
        taken = Taken()
        attempt = await self._begin(job_id, begun)
        if attempt is None:
            return None
        attempt.claims = claims
        with observed_run(self._engine.metrics, attempt, taken):
            await self._run(attempt)
        return attempt.status

    async def _run(self, attempt: Attempt) -> None:
        self.running.add(attempt)
        try:
            await self._run_steps(attempt)
        except AttemptLostError:
            attempt.stopped_by = "lost"
            _log.warning("attempt_lost")
        except Exception as error:  # noqa: BLE001  (told and logged below)
            if is_connection_lost(error):
                await self._lost(attempt, error)
            else:
                await self._give_up(attempt, error)
        finally:
            self._turns.end(attempt)
            if attempt.lock_document is not None:
                await attempt.lock_document.release()
            self.running.discard(attempt)
            self._engine.notifier.touch(attempt.job["job_id"])

    async def give_back(self, key: tuple[str, int], reason: str = "database_lost") -> None:
        """Send back the job of an attempt that is this worker's but does not run: mostly one that it never heard of."""
        async with logged_refusal("attempt_left_open", job_id=key[0], attempt=key[1]):
            await self._end.give_back(key, reason)

    async def _answer(self, job_id: str, begun: Begun | None) -> dict[str, Any] | None:
        if begun is not None and not begun.is_old:
            return begun.answer
        async with self._engine.database.autocommit() as conn:
            if begun is not None and (await conn.execute(_IS_CURRENT, begun.key)).rowcount:
                return begun.answer
            row = await (await conn.execute(_BEGIN, (job_id, self._worker_id, self._tenant_limits))).fetchone()
            return row["answer"] if row else None

    async def _begin(self, job_id: str, begun: Begun | None) -> Attempt | None:
        answer = await self._answer(job_id, begun)
        if answer is None:
            return None
        self._engine.notifier.touch(job_id)
        if answer["outcome"] == "waiting":
            return None
        job_type = self._engine.registry.get(answer["job"]["type"])
        assert job_type is not None, "a worker takes tickets of its own types only"
        attempt = Attempt(answer["job"], job_type, answer["outputs"] or {}, answer["idx"])
        attempt.has_artifacts = attempt.job["attempt"] > 1  # an earlier attempt may have left some
        if answer["outcome"] == "busy":
            busy = ConflictError("lock_busy", "Another job holds the lock, and onBusy is fail.")
            await self._end_before(attempt, busy)
        try:
            check_type(attempt, answer["steps"])
        except StepmillError as changed:
            while attempt.index is not None:  # its always-steps are another type's too
                await self._end_before(attempt, changed)
        return attempt

    async def _end_before(self, attempt: Attempt, error: Exception) -> None:
        """The step that was about to run can't: go on with the always-step after it, if there is one."""
        attempt.go_on(await self._end.fail(attempt, error))

    async def _run_steps(self, attempt: Attempt) -> None:
        while attempt.index is not None:
            held = await self._take_lock_document(attempt)
            if held is not None:
                await self._wait_for_document(attempt, held)
                return
            following = await self._run_step(attempt)
            self._engine.notifier.touch(attempt.job["job_id"])
            attempt.go_on(following)
            self._turns.after_step(attempt, following)
            if attempt.lock_document is not None:
                await attempt.lock_document.leave(attempt.index)
            if following.get("status") == "DONE" and attempt.has_artifacts:
                await self._remove_artifacts(attempt)

    async def _take_lock_document(self, attempt: Attempt) -> dict[str, Any] | None:
        """None when the step may run; otherwise what the document of another holder says."""
        if attempt.job_type.lock_document is None or attempt.index is None or attempt.job.get("ending"):
            return None
        if attempt.lock_document is None and attempt.job_type.steps[attempt.index].always:
            return None  # it runs whatever came before, which may be that the lock was held
        if attempt.lock_document is None:
            attempt.lock_document = LockDocument(
                self._gateways, attempt.job_type, attempt.params, attempt.job, attempt.interruption
            )
        return await attempt.lock_document.enter(attempt.index)

    async def _wait_for_document(self, attempt: Attempt, held: dict[str, Any]) -> None:
        """Leave the worker slot. Another program's release can't be heard, so the job looks again after a while."""
        if attempt.job["params"].get("onBusy") == "fail":
            busy = ConflictError("lock_busy", "The lock document is held, and onBusy is fail.")
            await self._end_before(attempt, busy)
            await self._run_steps(attempt)
            return
        waiting = {"code": "lock_document", "holder": held.get("holder"), "expiresAt": held.get("expiresAt")}
        async with self._engine.database.autocommit() as conn:
            await conn.execute(
                _WAIT_FOR_DOCUMENT, (*attempt.key, attempt.index, Jsonb(waiting), _DOCUMENT_LOOK_SECONDS)
            )
        attempt.stopped_by = "waiting"

    async def _remove_artifacts(self, attempt: Attempt) -> None:
        try:
            await JobArtifacts(self._gateways.blobs, attempt.job["job_id"]).delete()
        except OSError as error:  # housekeeping removes them later
            _log.warning("artifacts_left", job_id=attempt.job["job_id"], error=type(error).__name__)

    async def _run_step(self, attempt: Attempt) -> dict[str, Any]:
        assert attempt.index is not None
        step = self._context(attempt)
        attempt.last_step = step.step_name
        work = asyncio.create_task(self._work(attempt, step), name=f"stepmill step {step.owner} {step.step_name}")
        either: set[asyncio.Future[Any]] = {work, attempt.interruption.happened}
        try:
            await asyncio.wait(either, timeout=attempt.seconds_left(), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return await self._completed(attempt, step, work)
            return await self._stopped(attempt, step, work)
        finally:
            attempt.has_artifacts |= step.artifacts.used
            if not work.done():
                work.cancel()

    def _context(self, attempt: Attempt) -> RunningStep:
        assert attempt.index is not None
        return RunningStep(
            self._engine,
            self._gateways,
            self._compute_pool,
            attempt.job_type,
            attempt.params,
            attempt.job,
            attempt.outputs,
            attempt.index,
            attempt.memo,
            lambda: self._turns.before_lock(attempt),
        )

    async def _work(self, attempt: Attempt, step: RunningStep) -> dict[str, Any]:
        assert attempt.index is not None
        with observed_step(self._engine.metrics, attempt, step.step_name):
            try:
                output = await attempt.job_type.steps[attempt.index].run(step)
            except SystemExit as error:  # which would end the worker, and not the job
                raise RuntimeError("the step called sys.exit") from error
            if step.next is not None:
                return step.next
            return await step.finish_alone(output, attempt.claims if self._leaves_at_once(attempt, step) else None)

    def _leaves_at_once(self, attempt: Attempt, step: RunningStep) -> bool:
        """Whether the attempt's place is free with its last step: the next job would wait for what comes after it."""
        is_last = attempt.index == len(attempt.job_type.steps) - 1
        return is_last and attempt.lock_document is None and not (attempt.has_artifacts or step.artifacts.used)

    async def _completed(
        self, attempt: Attempt, step: RunningStep, work: "asyncio.Task[dict[str, Any]]"
    ) -> dict[str, Any]:
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        if error is None:
            attempt.outputs[step.step_name] = step.finished_output
            return work.result()
        if attempt.interruption.reason is not None:
            return await self._stopped(attempt, step, work)
        await step.report.close()
        if isinstance(error, AttemptLostError) or is_attempt_lost(error):
            if await self._end.was_cancelled(attempt):
                attempt.interruption.raise_it("cancelled")
                return await self._stopped(attempt, step, work)
            following = await self._end.already_done(attempt)
            if following is None:
                raise AttemptLostError(*attempt.key) from error
            return following
        if is_connection_lost(error):
            raise error
        if step.next is not None:
            # DONE is committed already; what the step did after finish() can't undo it.
            _log.error("step_failed_after_finish", **attempt.where, traceback=trace_of(error))
            attempt.outputs[step.step_name] = step.finished_output
            return step.next
        told = error if isinstance(error, Exception) else RuntimeError("the step gave up")
        return await self._end.fail(attempt, told)

    async def _stopped(
        self, attempt: Attempt, step: RunningStep, work: "asyncio.Task[dict[str, Any]]"
    ) -> dict[str, Any]:
        """The step was interrupted or ran out of time: stop its work and prove it, then say what that means."""
        began = time.monotonic()
        work.cancel()
        try:
            await self._end.stop(step.owner)
        finally:  # though the database be away: the job must not go back while its step still runs
            await _ended(work, attempt)
            await step.report.close()
        if attempt.interruption.reason is not None:
            return await self._interrupted(attempt, round((time.monotonic() - began) * 1000))
        if not work.cancelled() and work.exception() is None:  # it finished while it was being stopped
            attempt.outputs[step.step_name] = step.finished_output
            return work.result()
        return await self._end.fail(
            attempt, TimeoutExceededError("timeout", f"Step {step.step_name} ran out of its time and was stopped.")
        )

    async def _interrupted(self, attempt: Attempt, stopped_ms: int) -> dict[str, Any]:
        if attempt.interruption.reason == "cancelled":
            return await self._end.cancel(attempt, stopped_ms)
        if attempt.interruption.reason == "shutdown":
            attempt.stopped_by = "shutdown"
            await self._end.give_back(attempt.key, "shutdown")
            return {"idx": None}
        raise AttemptLostError(*attempt.key)

    async def _lost(self, attempt: Attempt, error: Exception) -> None:
        attempt.stopped_by = "database_lost"
        _log.warning("database_lost", error=type(error).__name__)
        await self._end.give_back(attempt.key, "database_lost")

    async def _give_up(self, attempt: Attempt, error: Exception) -> None:
        """The engine itself failed, as to write down how a step ended: the step ends by that, and what follows runs.

        An attempt that is left open is found by the worker's next looks, and its job goes back to PENDING.
        """
        _log.error("attempt_broke", **attempt.where, traceback=trace_of(error))
        try:
            if attempt.index is not None:
                await self._end_before(attempt, error)
                await self._run_steps(attempt)
        except AttemptLostError:
            attempt.stopped_by = "lost"
        except Exception as again:  # noqa: BLE001  (it is logged, and no attempt may end the worker)
            if is_connection_lost(again):
                await self._lost(attempt, again)
            else:
                attempt.stopped_by = "lost"
                _log.error("attempt_left_open", **attempt.where, traceback=trace_of(again))


async def _ended(work: "asyncio.Task[dict[str, Any]]", attempt: Attempt) -> None:
    """Return when the step's work is over. A cancellation can get lost in a library, so it is sent again."""
    while True:
        await asyncio.wait({work}, timeout=_CANCEL_AGAIN_SECONDS)
        if work.done():
            return
        _log.warning("step_goes_on", **attempt.where)
        work.cancel()
