"""What JSON can hold and PostgreSQL can't: it costs nobody a job, nor a log line."""

from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from stepmill.engine import step_end
from stepmill.engine.json_data import storable
from stepmill.engine.reporting import StepReport
from tests.engine.superuser import Superuser, refuse
from tests.support.engine import Bench


async def test_an_error_is_told_whatever_its_text_holds(bench: Bench) -> None:
    job = await bench.submit("PLAIN", params={"fail": "unstorable"})
    async with bench.worker():
        ended = await bench.follow(job["jobId"])
    assert (ended["status"], ended["error"]["code"]) == ("ERROR", "broken")
    assert await bench.rows("SELECT attempt FROM jobs") == [{"attempt": 1}]
    assert ended["error"]["message"] == "It \N{REPLACEMENT CHARACTER} can't ? work."


async def test_a_step_whose_end_cannot_be_written_down_ends_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_end, "storable", lambda value: value)
    job = await bench.submit("PLAIN", params={"fail": "unstorable"})
    async with bench.worker():
        ended = await bench.follow(job["jobId"])
    assert (ended["status"], ended["error"]["code"]) == ("ERROR", "database_error")
    assert await bench.rows("SELECT attempt FROM jobs") == [{"attempt": 1}]


async def test_a_line_and_a_progress_are_written_whatever_they_hold(bench: Bench) -> None:
    job = await bench.submit("TALKATIVE", params={"key": "unstorable"})
    async with bench.worker():
        ended = await bench.follow(job["jobId"])
    assert ended["status"] == "DONE"
    lines = await bench.rows("SELECT data ->> 'message' AS text FROM job_events WHERE kind = 'log' ORDER BY seq")
    assert [line["text"] for line in lines] == ["before", "name ?", "after"]
    assert await bench.rows("SELECT progress ->> 'message' AS text FROM job_steps") == [{"text": "?"}]


async def test_lines_that_the_database_refuses_keep_no_others_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepmill.engine.reporting.storable", lambda value: value)
    job = await bench.submit("TALKATIVE", params={"key": "unstorable"})
    async with bench.worker():
        ended = await bench.follow(job["jobId"])
    assert ended["status"] in ("DONE", "ERROR")
    lines = await bench.rows("SELECT data ->> 'message' AS text FROM job_events WHERE kind = 'log' ORDER BY seq")
    assert [line["text"] for line in lines] == [
        "3 log lines were left out: they came too fast, or the database was away or refused them."
    ]


async def test_what_is_made_text_or_too_long_can_be_stored_too(bench: Bench) -> None:
    for value in (Path("in/\udcff.csv"), ValueError("a\x00b"), 10**5_000, {"a": [-(10**5_000)]}):
        await bench.rows("SELECT %s::jsonb", Jsonb(storable(value)))


async def test_a_line_is_written_once_though_one_beside_it_was_refused_and_the_write_broke_off(
    bench: Bench, superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepmill.engine.reporting.storable", lambda value: value)
    refuse(superuser, "INSERT ON job_events", "NEW.data ->> 'message' = 'after'")
    job_id = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'worker-1')", job_id)
    report = StepReport(bench.engine, job_id, 1, 0, "One")
    for line in ("before", "\x00", "after"):
        report.log("info", line)
    await bench.until("SELECT FROM stepmill.job_events WHERE data ->> 'message' = 'after'")
    await report.close()
    lines = await bench.rows("SELECT data ->> 'message' AS text FROM job_events WHERE kind = 'log' ORDER BY seq")
    assert [line["text"][:8] for line in lines] == ["before", "after", "1 log li"]
