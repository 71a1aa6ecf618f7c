"""The fence: of an attempt that was taken away, nothing more is committed, told or finished."""

import asyncio

import psycopg
import pytest

from stepmill.engine.cancel import cancel_job
from stepmill.engine.compute import ComputePool
from stepmill.engine.context import AttemptConnection
from stepmill.engine.fence import assert_current
from stepmill.engine.job_type import Output
from stepmill.engine.read import get_job, list_events
from stepmill.engine.run_step import RunningStep
from stepmill.errors import AttemptLostError
from tests.engine import job_types
from tests.support.engine import CALLER, Bench

_ONE_WAITS = "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
_RESCUE = "SELECT rescue_v1(%s, 1, 'crashed', 5) AS status"


async def begin(bench: Bench) -> tuple[RunningStep, str]:
    """A job whose first attempt begins here, in the test's hands, as a frozen worker's would be in nobody's."""
    job_id = (await bench.submit("PLAIN"))["jobId"]
    answer = (await bench.rows("SELECT begin_attempt_v1(%s, 'frozen') AS answer", job_id))[0]["answer"]
    params = job_types.Params(env_id="default", tenant_id="local")
    pool = ComputePool(keep=0, memory_bytes=1024**3, at_once=1)
    step = RunningStep(
        bench.engine, bench.gateways, pool, job_types.PLAIN, params, answer["job"], {}, 0, {}, lambda: asyncio.sleep(0)
    )
    return step, job_id


async def kept(bench: Bench) -> int:
    """Rows that the attempt's transactions left."""
    return int((await bench.rows("SELECT count(*) AS n FROM workers WHERE worker_id = 'effect'"))[0]["n"])


_EFFECT = "INSERT INTO workers (worker_id, host, pid, version, types) VALUES ('effect', '', 0, '', '{}')"


async def test_what_a_current_attempt_does_is_kept(bench: Bench) -> None:
    step, job_id = await begin(bench)
    async with step.transaction("stepmill_engine") as tx:
        await tx.conn.execute(_EFFECT)
        await step.finish(tx, job_types.Numbered(number=7))
    assert await kept(bench) == 1
    assert (await get_job(bench.engine, CALLER, job_id))["steps"][0]["output"] == {"number": 7}


@pytest.mark.parametrize("how", ["rescued", "cancelled"])
@pytest.mark.parametrize("finishes", [True, False])
async def test_a_transaction_of_an_attempt_taken_away_commits_nothing(bench: Bench, how: str, finishes: bool) -> None:
    step, job_id = await begin(bench)
    with pytest.raises(AttemptLostError):
        async with step.transaction("stepmill_engine") as tx:
            await tx.conn.execute(_EFFECT)
            if how == "rescued":
                assert (await bench.rows(_RESCUE, job_id))[0]["status"] == "PENDING"
            else:
                await cancel_job(bench.engine, CALLER, job_id)
            if finishes:
                await step.finish(tx, Output())
    assert await kept(bench) == 0
    assert (await get_job(bench.engine, CALLER, job_id))["steps"][0]["status"] != "DONE"


async def test_rescue_waits_for_a_commit_that_has_passed_the_fence(bench: Bench) -> None:
    """One of the two wins: here the commit, and the rescued job goes on after the step that it finished."""
    step, job_id = await begin(bench)
    async with step.transaction("stepmill_engine") as tx:
        await step.finish(tx, job_types.Numbered(number=7))
        rescue = asyncio.create_task(bench.rows(_RESCUE, job_id))
        await bench.until(_ONE_WAITS)
        assert not rescue.done()
    assert (await rescue)[0]["status"] == "PENDING"
    assert [s["status"] for s in (await get_job(bench.engine, CALLER, job_id))["steps"]] == ["DONE", "PENDING"]


async def test_a_step_of_an_attempt_taken_away_can_not_be_finished_alone(bench: Bench) -> None:
    step, job_id = await begin(bench)
    await bench.rows(_RESCUE, job_id)
    with pytest.raises(AttemptLostError):
        await step.finish_alone(Output())
    await bench.rows("SELECT begin_attempt_v1(%s, 'next')", job_id)
    with pytest.raises(AttemptLostError):
        await step.finish_alone(Output())
    assert (await get_job(bench.engine, CALLER, job_id))["attempt"] == 2


async def test_what_an_attempt_taken_away_reports_is_dropped(bench: Bench) -> None:
    step, job_id = await begin(bench)
    await bench.rows(_RESCUE, job_id)
    before = (await list_events(bench.engine, CALLER, job_id, limit=100))["items"]
    step.log("info", "from the dead")
    step.progress(9, 10)
    await step.report.close()
    assert (await list_events(bench.engine, CALLER, job_id, limit=100))["items"] == before
    assert (await get_job(bench.engine, CALLER, job_id))["steps"][0]["progress"] is None


async def test_a_computing_process_is_fenced_too(bench: Bench) -> None:
    step, job_id = await begin(bench)
    own = step.attempt_connection
    await asyncio.to_thread(_commit_in_child, own)
    await bench.rows(_RESCUE, job_id)
    with pytest.raises(AttemptLostError):
        await asyncio.to_thread(_commit_in_child, own)


def _commit_in_child(own: AttemptConnection) -> None:
    with psycopg.connect(own.url, application_name=own.application_name, row_factory=psycopg.rows.dict_row) as conn:
        conn.execute("SET LOCAL ROLE stepmill_engine")
        assert_current(conn, own)


async def test_connections_of_an_attempt_carry_its_name_and_no_others_do(bench: Bench) -> None:
    step, job_id = await begin(bench)
    query = "SELECT count(*)::integer AS n FROM pg_stat_activity WHERE application_name = %s"
    name = f"stepmill:{job_id}:1"
    async with step.transaction() as tx:
        assert (await (await tx.conn.execute("SHOW application_name")).fetchone()) == {"application_name": name}
        for setting in ("client_connection_check_interval", "idle_in_transaction_session_timeout"):
            row = await (await tx.conn.execute(f"SHOW {setting}".encode())).fetchone()
            assert row is not None
            assert row[setting] not in ("0", "")
        assert (await bench.rows(query, name))[0]["n"] == 1
    assert (await bench.rows(query, name))[0]["n"] == 0


async def test_a_report_and_a_cancel_at_once_do_not_bar_each_other(bench: Bench) -> None:
    """A report holds the event counter when its rows look at the job's; a cancel holds the job's row by then."""
    step, job_id = await begin(bench)
    async with bench.database.transaction("stepmill_engine") as report:
        await report.execute("UPDATE job_event_counters SET last_seq = last_seq + 1 WHERE job_id = %s", (job_id,))
        cancel = asyncio.create_task(cancel_job(bench.engine, CALLER, job_id))
        await bench.until(_ONE_WAITS)
        await report.execute(
            "INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id)"
            " SELECT job_id, last_seq, 'log', '{}', now(), tenant_id, 'default' FROM job_event_counters"
            " WHERE job_id = %s",
            (job_id,),
        )
    assert (await cancel)["cancelRequestedAt"] is not None
    assert step.attempt == 1
