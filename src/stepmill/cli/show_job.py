"""A job for people to read."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from stepmill.cli.output import duration_text, seconds_between, status_markup, table, text_of
from stepmill.client import Job

ROOM_FOR_ALL = 100
LEAST_COLUMNS = 60
ACCOUNTING = ("rowsRead", "rowsLoaded", "rowsRejected", "rowsFiltered", "rowsDeduplicated")


def show_job(console: Console, job: Job) -> None:
    """Write a job, its steps, and its result or its error."""
    took = duration_text(seconds_between(job["startedAt"], job["finishedAt"]))
    console.print(f"[bold]{job['jobId']}[/]  {escape(job['type'])}  {status_markup(job['status'])}  {took}")
    waiting = job.get("waiting")
    if waiting:
        console.print(f"[dim]{escape(waiting['message'])}[/]")
    rows = [
        [
            step["name"],
            step["status"],
            duration_text(seconds_between(step["startedAt"], step["finishedAt"])) if step["startedAt"] else "",
            progress_text(step.get("progress")),
        ]
        for step in job["steps"]
    ]
    console.print(table(None, ["Step", "Status", "Took", "Progress"], rows))
    result = job.get("result")
    if result:
        show_accounting(console, result)
    error = job.get("error")
    if error:
        show_error(console, dict(error))


def show_jobs(console: Console, jobs: Sequence[Job]) -> None:
    """Write a table of jobs. Their ids are for other commands to take, so they are whole however narrow it is."""
    with_created = console.width >= ROOM_FOR_ALL
    shown = table(None, [], [])
    shown.add_column("Job", no_wrap=True)
    shown.add_column("Type", overflow="fold")
    shown.add_column("Status", no_wrap=True)
    if with_created:
        shown.add_column("Created", no_wrap=True)
    shown.add_column("Why it waits, or failed", overflow="fold")
    for job in jobs:
        waits, error = job.get("waiting"), job.get("error")
        why = (waits and waits["message"]) or (error and error["message"]) or ""
        created = [job["createdAt"][:19].replace("T", " ")] if with_created else []
        shown.add_row(job["jobId"], escape(job["type"]), status_markup(job["status"]), *created, escape(why))
    console.width = max(console.width, LEAST_COLUMNS)
    console.print(shown)


def progress_text(progress: Any) -> str:
    """How far a step is."""
    if not progress:
        return ""
    total = progress.get("total")
    amount = f"{progress['done']:,.0f}" + (f" of {total:,.0f}" if total else "")
    return f"{amount} {progress.get('unit') or ''} {progress.get('message') or ''}".strip()


def show_accounting(console: Console, result: dict[str, Any]) -> None:
    """What became of each row, as a sum that adds up, or the result as it is if it is no load's."""
    if not all(name in result for name in ACCOUNTING):
        for name, value in result.items():
            console.print(f"  {escape(name)}: {escape(text_of(value))}")
        return
    read, loaded, rejected, filtered, deduplicated = (result[name] for name in ACCOUNTING)
    console.print(
        f"{read:,} rows read = [green]{loaded:,} loaded[/] + {rejected:,} rejected + {filtered:,} filtered + "
        f"{deduplicated:,} deduplicated"
    )
    if rejected:
        console.print(f"[dim]See why: stepmill tables rejects --load {result['loadId']}[/]")


def show_error(console: Console, error: dict[str, Any]) -> None:
    """Why a job failed, with the details that it gives."""
    console.print(f"[bold red]{escape(error['code'])}[/] {escape(error['message'])}")
    for name, value in (error.get("details") or {}).items():
        if isinstance(value, list):
            for item in value[:5]:
                console.print(f"  {escape(text_of(item))}")
        else:
            console.print(f"  {escape(name)}: {escape(text_of(value))}")
