"""One trace from the request that submits a job to the statements that its steps run."""

import re
import secrets
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from stepmill.gateways import tracing
from stepmill.gateways.sql.statements import span_name, without_values
from tests.cli.processes import wait_until
from tests.observability.conftest import TOKEN, Deployment, load
from tests.observability.otlp import Span


def test_the_callers_trace_goes_on_into_each_step_and_statement(deployment: Deployment) -> None:
    trace_id, caller = secrets.token_hex(16), secrets.token_hex(8)
    with deployment.connect() as client:
        area_id = client.create_area("default", "Traced")["areaId"]
        file_id = client.upload_file("default", area_id, b"id,name\n1,secret-1\n2,secret-2\n", name="t.csv")["fileId"]
        response = httpx.post(
            f"{deployment.url}/api/jobs",
            json={"type": "FILE_ETL", "envId": "default", "params": {"areaId": area_id, "fileId": file_id}},
            headers={"Authorization": f"Bearer {TOKEN}", "traceparent": f"00-{trace_id}-{caller}-01"},
            trust_env=False,
        )
        job_id = response.raise_for_status().json()["jobId"]
        assert client.wait_for_job(job_id)["status"] == "DONE"
    ends = {"run FILE_ETL", "POST /api/jobs"}  # each process sends its own when it likes
    wait_until(lambda: ends <= {span.name for span in deployment.traces.of(trace_id)})
    spans = deployment.traces.of(trace_id)
    assert sorted(span.name for span in spans if span.parent_id == caller) == ["POST /api/jobs"]
    by_name = {span.name: span for span in spans}
    request, run = by_name["POST /api/jobs"], by_name["run FILE_ETL"]
    assert (request.service, request.parent_id) == ("stepmill-api", caller)
    assert (run.service, run.parent_id) == ("stepmill-worker", request.span_id)
    assert run.attributes["stepmill.job_id"] == job_id
    assert run.attributes["stepmill.outcome"] == "done"
    for step in ("Extract", "Transform", "Load"):
        assert by_name[f"FILE_ETL {step}"].parent_id == run.span_id
        statements = _statements(spans, by_name[f"FILE_ETL {step}"])
        assert any("finish_step_v1" in text for text in statements), step
    assert any("submit_" in text for text in _statements(spans, request))
    # The computing process's own: rows go in by COPY.
    assert any(text.startswith("COPY") for text in _statements(spans, by_name["FILE_ETL Transform"]))
    assert "secret" not in str(spans)
    assert not any(span.failed for span in spans)


def test_a_trace_begins_with_the_request_where_the_caller_has_none(deployment: Deployment) -> None:
    with deployment.connect() as client:
        job_id = load(client, "Begun", rows=1)
    run = _run_of(deployment, job_id)
    requests = [span for span in deployment.traces.of(run.trace_id) if span.name == "POST /api/jobs"]
    assert [span.parent_id for span in requests] == [""]
    assert run.parent_id == requests[0].span_id


def test_a_failed_steps_span_says_the_code_and_no_text(deployment: Deployment) -> None:
    with deployment.connect() as client:
        job = client.start_job("CLI_TEST", {"then": "fail"}, env_id="default")
        assert client.wait_for_job(job["jobId"])["status"] == "ERROR"
    run = _run_of(deployment, job["jobId"])
    step = next(span for span in deployment.traces.of(run.trace_id) if span.name == "CLI_TEST Second")
    assert step.failed
    assert step.attributes["error.type"] == "no_good"
    assert "It is no good" not in str(deployment.traces.of(run.trace_id))


def test_each_log_line_of_a_job_says_which_and_where(deployment: Deployment) -> None:
    with deployment.connect() as client:
        job = client.start_job("CLI_TEST", {"then": "unforeseen"}, env_id="default")
        error = client.wait_for_job(job["jobId"])["error"]
        assert error is not None
        assert error["code"] == "internal_error"
    wait_until(lambda: any(_is_end_of(line, job["jobId"]) for line in deployment.logged()))
    lines = [line for line in deployment.logged() if line.get("job_id") == job["jobId"]]
    for line in lines:
        assert line["attempt"] == 1
        assert line["tenant"] == "local"
        assert line["type"] == "CLI_TEST"
        assert line["step"] == "Second"
        assert re.fullmatch("[0-9a-f]{32}", line["trace_id"])
    ends = [line for line in lines if _is_end_of(line, job["jobId"])]
    assert [(end["level"], end["outcome"], end["code"]) for end in ends] == [("warning", "error", "internal_error")]


def _is_end_of(line: dict[str, Any], job_id: str) -> bool:
    return line.get("job_id") == job_id and line["event"] == "attempt_ended"


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SELECT begin_attempt_v1(%s, %s) AS answer", "SELECT begin_attempt_v1(%s, %s) AS answer"),
        ("BEGIN; SELECT set_config('role', 'a''b', true)", "BEGIN; SELECT set_config(?, ?, true)"),
        ("-- it's\nSELECT 'hunter2', E'it\\'s hunter2', 'hunter2'", "SELECT ?, ?, ?"),
        ("/* ' */ SELECT $x$hunter2$x$, $$hunter2$$", "SELECT ?, ?"),
        (
            'SELECT "we\'re" FROM t1 WHERE a = $1 AND b = %(c)s',
            'SELECT "we\'re" FROM t1 WHERE a = $1 AND b = %(c)s',
        ),
        ("UPDATE t SET a = 12.5, b = -1e5\n   LIMIT 10", "UPDATE t SET a = ?, b = -? LIMIT ?"),
        ("SELECT 'C:\\', 'hunter2'", "SELECT ?, ?"),
    ],
)
def test_a_statement_is_shown_without_its_values(statement: str, shown: str) -> None:
    assert without_values(statement) == shown


def test_a_statements_span_is_named_after_what_it_does() -> None:
    assert span_name("SELECT begin_attempt_v1(%s, %s)") == "SELECT begin_attempt_v1"
    assert span_name("INSERT INTO t VALUES (?)") == "INSERT"


def test_a_trace_is_carried_without_a_state_that_is_too_long() -> None:
    given = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "tracestate": f"vendor={'x' * 200}"}
    with trace.use_span(trace.get_current_span(tracing.context_of(given))):
        assert tracing.carried() == given
    long = {**given, "tracestate": ",".join(f"v{number}={'x' * 200}" for number in range(5))}
    with trace.use_span(trace.get_current_span(tracing.context_of(long))):
        assert tracing.carried() == {"traceparent": given["traceparent"]}


@pytest.mark.parametrize("carrier", [None, {}, {"traceparent": "nonsense"}, {"traceparent": 7}, {"traceparent": None}])
def test_what_names_no_trace_is_the_beginning_of_one(carrier: dict[str, object] | None) -> None:
    context = tracing.context_of(carrier)
    assert not trace.get_current_span(context).get_span_context().is_valid
    with trace.use_span(NonRecordingSpan(SpanContext(0, 0, False, TraceFlags(0)))):
        assert tracing.carried() is None


async def test_without_the_extra_an_endpoint_is_answered_by_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(tracing, "find_spec", lambda name: None)
    async with tracing.recording("stepmill-tests") as recorded:
        assert recorded is False
    said = capsys.readouterr()
    assert "pip install 'stepmill[otel]'" in said.out + said.err


@pytest.mark.parametrize("setting", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {}])
async def test_traces_are_recorded_only_where_they_are_wanted(
    setting: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if setting:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    else:
        monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    async with tracing.recording("stepmill-tests") as recorded:
        assert recorded is False


def _run_of(deployment: Deployment, job_id: str) -> Span:
    def runs() -> list[Span]:
        return [
            span
            for span in deployment.traces.spans
            if span.name.startswith("run ") and span.attributes["stepmill.job_id"] == job_id
        ]

    wait_until(runs)
    return runs()[0]


def _statements(spans: list[Span], parent: Span) -> list[str]:
    return [span.attributes.get("db.query.text", "") for span in spans if span.parent_id == parent.span_id]
