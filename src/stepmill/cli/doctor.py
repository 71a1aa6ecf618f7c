"""`stepmill doctor`: what is wrong with an installation, and how to mend it."""

import asyncio
from dataclasses import asdict
from typing import Any

import typer
from pydantic.alias_generators import to_camel
from rich.console import Console
from rich.markup import escape

from stepmill.app import build_blobs
from stepmill.cli.exit_codes import ExitCode
from stepmill.cli.failures import command
from stepmill.cli.options import DatabaseOption, DataDirOption, JsonOption, settings_of
from stepmill.cli.output import out, print_json
from stepmill.cli.supervision.database import any_database, embedded_folder, known_url
from stepmill.engine.doctor import Finding, examine
from stepmill.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
@command
def doctor(database_url: DatabaseOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Check database, privileges and storage; each fault comes with what mends it. Changes nothing."""
    findings = asyncio.run(_examine(settings_of(database_url=database_url, data_dir=data_dir)))
    faults = [finding for finding in findings if finding.required and not finding.ok]
    if as_json:
        print_json({"ok": not faults, "findings": [_as_json(finding) for finding in findings]})
    else:
        for finding in findings:
            _show(out(), finding)
        out().print(f"\n[bold red]{len(faults)} to mend.[/]" if faults else "\n[green]All is well.[/]")
    raise typer.Exit(ExitCode.SET_UP if faults else ExitCode.DONE)


async def _examine(settings: Settings) -> list[Finding]:
    if known_url(settings) is None and not embedded_folder(settings).exists():
        message = f"There is no database in {settings.data_dir} yet; `stepmill serve` makes one."
        return [Finding("database", True, message)]
    async with any_database(settings) as url:
        return await examine(url, build_blobs(settings))


def _as_json(finding: Finding) -> dict[str, Any]:
    return {to_camel(name): value for name, value in asdict(finding).items()}


def _show(console: Console, finding: Finding) -> None:
    mark = "[green]✓[/]" if finding.ok else "[bold red]✗[/]" if finding.required else "[yellow]![/]"
    console.print(f"{mark} [bold]{finding.name}[/] {escape(finding.message)}", soft_wrap=True)
    for line in (finding.sql_to_mend or "").strip().splitlines():
        console.print(f"    {escape(line)}", soft_wrap=True)
