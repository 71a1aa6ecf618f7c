"""What the worker's log says of an error that nobody foresaw: enough to find it, and no secret."""

import traceback
from typing import Any

import pytest
import structlog

from stepmill.engine.read import get_job
from stepmill.engine.traces import trace_of
from stepmill.errors import DataError
from tests.support.engine import CALLER, Bench


@pytest.mark.parametrize(
    ("job_type", "fail", "event", "names"),
    [
        ("FAILS_THEN_RELEASES", "unexpected", "step_failed_unexpectedly", ("RuntimeError", "in fail")),
        ("FAILS_THEN_RELEASES", "refused", "step_failed_in_database", ("InvalidTextRepresentation", "in fail")),
        ("COMPUTE", "unexpected", "computing_failed_unexpectedly", ("RuntimeError", "in trip")),
    ],
)
async def test_the_log_names_the_job_and_the_place_and_not_the_text(
    bench: Bench, job_type: str, fail: str, event: str, names: tuple[str, str]
) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        async with bench.worker():
            job_id = (await bench.submit(job_type, params={"fail": fail}))["jobId"]
            await bench.follow(job_id)
    [line] = [each for each in logs if each["event"] == event]
    step = (await get_job(bench.engine, CALLER, job_id))["steps"][0]
    assert (line["job_id"], line["attempt"], line["step"]) == (job_id, 1, step["name"])
    for name in names:
        assert name in line["traceback"]
    assert "hunter2" not in str(logs)
    assert "hunter2" not in str(step)


def _raised(outer: Exception, cause: BaseException | None) -> Exception:
    with pytest.raises(type(outer)) as raised:
        raise outer from cause
    return raised.value


def test_a_trace_tells_causes_and_the_sentences_of_our_own_errors() -> None:
    inner = _raised(ValueError("secret"), None)
    trace = trace_of(_raised(ExceptionGroup("secret", [_raised(DataError("bad_row", "Row 7 is bad."), inner)]), None))
    assert [line for line in trace.splitlines() if not line.startswith("  File ")] == [
        "ExceptionGroup",
        "with",
        "ValueError",
        "which led to",
        "stepmill.errors.DataError bad_row: Row 7 is bad.",
    ]


def test_a_trace_has_an_end_where_errors_cause_each_other_or_recur() -> None:
    one, other = ValueError("one"), KeyError("other")
    one.__context__, other.__context__ = other, one
    assert trace_of(one).splitlines() == ["KeyError", "which led to", "ValueError"]

    def deeper(depth: int) -> Any:
        return deeper(depth - 1) if depth else traceback.no_such_name  # type: ignore[attr-defined]

    with pytest.raises(AttributeError) as raised:
        deeper(200)
    assert 10 < len(trace_of(raised.value).splitlines()) < 60
