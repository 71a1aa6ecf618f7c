"""`stepmill jobs`: submit, list, show, watch, cancel and retry."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from stepmill.cli.exit_codes import exit_code_of_job
from stepmill.cli.failures import command
from stepmill.cli.options import DataDirOption, EnvOption, JsonOption, LimitOption, UrlOption, settings_of
from stepmill.cli.output import out, out_wide, print_json, status_markup
from stepmill.cli.remote import find_server
from stepmill.cli.show_job import show_job, show_jobs
from stepmill.cli.watching import SUBMITTED, JsonLines, display_for, follow
from stepmill.client import Client, Job
from stepmill.client.calls import JobFilters, JobOptions

app = typer.Typer(help="Submit, list, show, watch, cancel and retry jobs.", no_args_is_help=True, add_completion=False)

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]


@app.command()
@command
def submit(
    job_type: Annotated[str, typer.Argument(metavar="TYPE", help="The job's type, such as FILE_ETL.")],
    params: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="Params: name=text, or name:=JSON for other values."),
    ] = None,
    params_json: Annotated[str | None, typer.Option("--params", help="All params as JSON, or @FILE.")] = None,
    env: EnvOption = None,
    priority: Annotated[int | None, typer.Option(min=-100, max=100, help="Higher runs first.")] = None,
    run_at: Annotated[str | None, typer.Option(help="Not before this time (RFC 3339).")] = None,
    max_attempts: Annotated[int | None, typer.Option(min=1, help="Attempts before it ends in ERROR.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds that one attempt may take.")] = None,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="A repeat gives the first job.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Submit a job."""
    settings = settings_of(url=url, data_dir=data_dir, environment=env)
    values = {**_read_params(params_json), **dict(_read_param(text) for text in params or [])}
    given = {"priority": priority, "run_at": run_at, "max_attempts": max_attempts, "timeout_seconds": timeout}
    options: JobOptions = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]
    with find_server(settings).connect() as client:
        job = client.start_job(job_type, values, env_id=settings.environment, idempotency_key=key, **options)
        if watch:
            _watch_one(client, job, as_json=as_json, after=SUBMITTED)
        if as_json:
            print_json(job)
        else:
            out().print(f"{job['jobId']} {status_markup(job['status'])}")


@app.command("list")
@command
def list_jobs(
    status: Annotated[str | None, typer.Option(help="Only these states, by comma.")] = None,
    job_type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    text: Annotated[str | None, typer.Option("--search", help="Only jobs with this text.")] = None,
    env: EnvOption = None,
    limit: LimitOption = 20,
    cursor: Annotated[str | None, typer.Option(help="Where to go on: `nextCursor` of the page before.")] = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List jobs, newest first."""
    given = {"status": status, "type": job_type, "env_id": env, "q": text}
    filters: JobFilters = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]
    with find_server(settings_of(url=url, data_dir=data_dir)).connect() as client:
        page = client.list_jobs(limit=limit, cursor=cursor, **filters)
    if as_json:
        print_json(page)
        return
    if not page["items"]:
        out().print("There are no such jobs.")
        return
    show_jobs(out_wide(), page["items"])


@app.command()
@command
def show(
    job_id: JobArgument, url: UrlOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show a job with its steps."""
    with find_server(settings_of(url=url, data_dir=data_dir)).connect() as client:
        job = client.get_job(job_id)
    if as_json:
        print_json(job)
    else:
        show_job(out(), job)


@app.command()
@command
def watch(
    job_id: Annotated[str | None, typer.Argument(metavar="[JOB]", help="The job's id; without one, all jobs.")] = None,
    env: EnvOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a job to its end, or every job. With `--json`, a line for each event."""
    with find_server(settings_of(url=url, data_dir=data_dir)).connect() as client:
        if job_id is None:
            _watch_all(client, env, as_json=as_json)
        else:
            _watch_one(client, client.get_job(job_id), as_json=as_json)


@app.command()
@command
def cancel(
    job_id: JobArgument, url: UrlOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Cancel a job."""
    with find_server(settings_of(url=url, data_dir=data_dir)).connect() as client:
        job = client.cancel_job(job_id)
    _say(job, as_json=as_json)


@app.command()
@command
def retry(
    job_id: JobArgument,
    from_step: Annotated[str | None, typer.Option(help="Start at this step instead of the first not DONE.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a job again from the step that failed."""
    with find_server(settings_of(url=url, data_dir=data_dir)).connect() as client:
        job = client.retry_job(job_id, from_step=from_step)
        if watch:
            _watch_one(client, job, as_json=as_json)
    _say(job, as_json=as_json)


def _watch_one(client: Client, job: Job, *, as_json: bool, after: str | None = None) -> None:
    with JsonLines() if as_json else display_for(as_json=False) as display:
        job = follow(client, job, display, after=after)
    if not as_json:
        show_job(out(), job)
    raise typer.Exit(exit_code_of_job(job["status"]))


def _watch_all(client: Client, env: str | None, *, as_json: bool) -> None:
    for event in client.stream_all(env_id=env):
        data = event.data
        if as_json:
            print_json({"id": event.id, "event": event.kind, "data": data})
        else:
            when = str(data.get("at", ""))[11:19]
            out().print(
                f"{when} {data.get('jobId')} {escape(str(data.get('type')))} {status_markup(str(data.get('status')))}"
            )


def _say(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        asked = " (asked to stop)" if job["status"] == "RUNNING" and job.get("cancelRequestedAt") else ""
        out().print(f"{job['jobId']} {status_markup(job['status'])}{asked}")


def _read_params(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"--params is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter("--params must be a JSON object.")
    return value


def _read_param(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name.rstrip(":"):
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE.")
    if not name.endswith(":"):
        return name, value
    try:
        return name[:-1], json.loads(value)
    except ValueError as error:
        raise typer.BadParameter(f"The value of {text!r} is not JSON: {error}") from None
