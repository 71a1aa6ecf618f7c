"""Following a job as it runs: bars in a terminal, lines elsewhere, events as JSON for scripts."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from stepmill.cli.job_view import JobView
from stepmill.cli.output import bytes_text, duration_text, print_json, seconds_between, status_markup
from stepmill.client import Client, Event, Job

SUBMITTED = "0"
"""Before the first event of a job: a short one may have ended before its stream is open."""

SHOWN_LEVELS = ("warning", "error", "critical")


class Display(AbstractContextManager["Display"], Protocol):
    """Shows what a job does."""

    def uploaded(self, name: str, sent: int, total: int | None) -> None:
        """So many bytes of a file were sent."""

    def event(self, view: JobView, event: Event) -> None:
        """An event came, and `view` has it in."""


def display_for(*, as_json: bool, label: str = "", console: Console | None = None) -> Display:
    """The display that suits where the output goes: standard error, if no console is given."""
    if as_json:
        return Silent()
    console = console or Console(stderr=True, highlight=False)
    return Bars(console, label) if console.is_terminal else Lines(console, label)


def follow(client: Client, job: Job, display: Display, *, after: str | None = None) -> Job:
    """Show a job until its end; the answer is the job as it ended.

    Shown is what happens from now on, after a snapshot; with `after` what happened since that event, such as
    `SUBMITTED`.
    """
    view = JobView(job)
    for event in client.stream_job(job["jobId"], after=after):
        view.apply(event)
        display.event(view, event)
    return client.get_job(job["jobId"])


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to end."""

    def uploaded(self, name: str, sent: int, total: int | None) -> None:
        """Nothing is shown."""

    def event(self, view: JobView, event: Event) -> None:
        """Nothing is shown."""


class JsonLines(Silent):
    """Writes each event as a line of JSON on standard output."""

    def event(self, view: JobView, event: Event) -> None:
        """One line."""
        print_json({"id": event.id, "event": event.kind, "data": event.data})


class Lines(Silent):
    """A line for each step that ends, and for warnings: for logs and pipes."""

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._label = f"{escape(label)}: " if label else ""

    def event(self, view: JobView, event: Event) -> None:
        """A line, if the event is worth one."""
        if event.kind == "snapshot":
            for step in view.steps:
                self._say_ended(step)
        elif event.kind == "step":
            self._say_ended(event.data)
        elif event.kind == "status":
            self._say_why(event.data)
        elif event.kind == "log" and event.data.get("level") in SHOWN_LEVELS:
            self._console.print(self._label + log_line(event.data), soft_wrap=True)

    def _say_ended(self, step: dict[str, Any]) -> None:
        if step.get("status") in ("DONE", "ERROR"):
            self._console.print(self._label + step_line(step), soft_wrap=True)

    def _say_why(self, status: dict[str, Any]) -> None:
        waiting = status.get("waiting") or {}
        if waiting.get("message"):
            self._console.print(f"{self._label}[dim]{escape(waiting['message'])}[/]", soft_wrap=True)


class Bars(Silent):
    """A bar for the upload and for each step."""

    def __init__(self, console: Console, label: str) -> None:
        self._label = f"{escape(label)}  " if label else ""
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def uploaded(self, name: str, sent: int, total: int | None) -> None:
        """Move the upload's bar."""
        bar = self._bar("Upload")
        self._progress.update(bar, completed=sent, total=total, amount=bytes_text(sent))

    def event(self, view: JobView, event: Event) -> None:
        """Move the bars of the steps."""
        if event.kind == "log" and event.data.get("level") in SHOWN_LEVELS:
            self._progress.console.print(log_line(event.data))
        for step in view.steps:
            if step["status"] != "PENDING":
                self._show(step)

    def _show(self, step: dict[str, Any]) -> None:
        bar = self._bar(step["name"])
        progress = step.get("progress") or {}
        done, total = progress.get("done") or 0, progress.get("total")
        amount = f"{done:,.0f} {escape(progress.get('unit') or '')}" if progress else ""
        if step["status"] == "RUNNING":
            self._progress.update(bar, completed=done, total=total, amount=amount)
            return
        self._progress.update(bar, total=1, completed=1 if step["status"] == "DONE" else 0, amount=amount)
        self._progress.stop_task(bar)
        if step["status"] == "ERROR":
            self._progress.update(bar, amount="[red]failed[/]")

    def _bar(self, name: str) -> TaskID:
        if name not in self._bars:
            description = f"{self._label}{escape(name)}"
            self._bars[name] = self._progress.add_task(description, total=None, amount="")
        return self._bars[name]


def step_line(step: dict[str, Any]) -> str:
    """A step in one line of markup."""
    took = duration_text(seconds_between(step.get("startedAt"), step.get("finishedAt")))
    error = f": {escape(step['error']['message'])}" if step.get("error") else ""
    return f"{escape(step['name'])} {status_markup(step['status'])} in {took}{error}"


def log_line(entry: dict[str, Any]) -> str:
    """A line of the job's log as markup."""
    return f"[yellow]{escape(str(entry.get('level')))}[/] {escape(str(entry.get('message')))}"
