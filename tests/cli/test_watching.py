"""What is shown of a job while it runs."""

import io
from typing import Any

import pytest
from rich.console import Console

from stepmill.cli.job_view import JobView
from stepmill.cli.output import bytes_text, duration_text
from stepmill.cli.watching import Bars, JsonLines, Lines
from stepmill.client import Event

STEP: dict[str, Any] = {"attempt": None, "startedAt": None, "finishedAt": None, "output": None, "error": None}
JOB = {
    "jobId": "j1",
    "status": "PENDING",
    "steps": [{**STEP, "name": name, "status": "PENDING", "progress": None} for name in ("Extract", "Load")],
}
EVENTS = [
    Event("1", "snapshot", JOB),
    Event("2", "status", {"status": "RUNNING", "waiting": None}),
    Event("3", "step", {"name": "Extract", "status": "RUNNING", "startedAt": "2030-01-01T00:00:00Z"}),
    Event("4", "progress", {"step": "Extract", "done": 50, "total": 200, "unit": "rows", "message": None}),
    Event("5", "log", {"level": "warning", "message": "Odd [things]", "step": "Extract"}),
    Event("6", "log", {"level": "info", "message": "Nothing much", "step": "Extract"}),
    Event(
        "7",
        "step",
        {
            "name": "Extract",
            "status": "DONE",
            "startedAt": "2030-01-01T00:00:00Z",
            "finishedAt": "2030-01-01T00:00:02.5Z",
        },
    ),
    Event("8", "step", {"name": "Load", "status": "ERROR", "error": {"code": "x", "message": "It [broke]"}}),
    Event("9", "end", {"status": "ERROR", "result": None, "error": {"code": "x", "message": "It [broke]"}}),
]


def test_a_view_follows_the_events() -> None:
    view = JobView({"jobId": "j1", "status": "PENDING", "steps": []})
    for event in EVENTS:
        view.apply(event)
    assert view.status == "ERROR"
    assert [step["status"] for step in view.steps] == ["DONE", "ERROR"]
    assert view.steps[0]["progress"] == {"done": 50, "total": 200, "unit": "rows", "message": None}
    assert view.job["error"]["code"] == "x"


def test_lines_tell_what_happened() -> None:
    output = io.StringIO()
    show(Lines(Console(file=output, width=100, highlight=False), "air[port].csv"))
    assert output.getvalue().splitlines() == [
        "air[port].csv: warning Odd [things]",
        "air[port].csv: Extract DONE in 2.5 s",
        "air[port].csv: Load ERROR in -: It [broke]",
    ]


def test_bars_move_in_a_terminal() -> None:
    output = io.StringIO()
    with Bars(Console(file=output, width=120, force_terminal=True, highlight=False), "") as bars:
        bars.uploaded("airports.csv", 1500, 3000)
        show(bars)
    shown = output.getvalue()
    assert "Upload" in shown
    assert "50 rows" in shown
    assert "Odd [things]" in shown
    assert "failed" in shown


def test_scripts_get_each_event(capsys: pytest.CaptureFixture[str]) -> None:
    show(JsonLines())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(EVENTS)
    assert lines[1] == '{"id": "2", "event": "status", "data": {"status": "RUNNING", "waiting": null}}'


def show(display: Bars | Lines | JsonLines) -> None:
    view = JobView(JOB)
    for event in EVENTS:
        view.apply(event)
        display.event(view, event)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0123, "12 ms"),
        (1.26, "1.3 s"),
        (119.0, "119.0 s"),
        (150.0, "2 min 30 s"),
        (9000.0, "2 h 30 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_500_000_000, "2.5 GB")])
def test_sizes(size: int, text: str) -> None:
    assert bytes_text(size) == text
