"""A file to a table over the API: its area, the upload, the job, and the watching of it."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from stepmill.cli.output import status_markup
from stepmill.cli.watching import SUBMITTED, Display, display_for, follow
from stepmill.client import Area, Client, File, Job, LoadMode, SchemaChange
from stepmill.errors import ConflictError


@dataclass(frozen=True)
class Loaded:
    """What became of a file."""

    file: Path
    uploaded: File
    job: Job

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        job = self.job
        names = ("jobId", "status", "result", "error")
        return {
            "file": str(self.file),
            "fileId": self.uploaded["fileId"],
            "areaId": self.uploaded["areaId"],
            **{name: job[name] for name in names},  # type: ignore[literal-required]
        }


@dataclass(frozen=True)
class Loader:
    """Loads files with one set of choices."""

    client: Client
    env_id: str
    mode: LoadMode | None
    key_columns: tuple[str, ...]
    allow_small: bool
    as_json: bool
    console: Console | None = None
    schema_change: SchemaChange | None = None

    def load(self, file: Path, table: str) -> Loaded:
        """Load one file and follow it to its end. Ctrl-C cancels the job."""
        area = self.area(table)
        with display_for(as_json=self.as_json, label=file.name, console=self.console) as display:
            uploaded = self._upload(file, area, display)
            params = {"fileId": uploaded["fileId"], "areaId": area["areaId"]}
            options = {"allowSmall": True} if self.allow_small else {}
            job = self.client.start_job("FILE_ETL", {**params, **options}, env_id=self.env_id)
            try:
                job = follow(self.client, job, display, after=SUBMITTED)
            except KeyboardInterrupt:
                self._cancel(job)
                raise
        return Loaded(file, uploaded, job)

    def area(self, name: str) -> Area:
        """The area of that name, made if there is none."""
        found = self._find(name)
        if found is not None:
            return found
        try:
            return self.client.create_area(
                self.env_id,
                name,
                load_mode=self.mode,
                key_columns=self.key_columns or None,
                schema_change=self.schema_change,
            )
        except ConflictError:  # somebody else made it just now
            found = self._find(name)
            if found is None:
                raise
            return found

    def _find(self, name: str) -> Area | None:
        cursor: str | None = None
        while True:
            page = self.client.list_areas(self.env_id, limit=500, cursor=cursor)
            for area in page["items"]:
                if area["name"] == name:
                    self._check(area)
                    return area
            cursor = page.get("nextCursor")
            if not cursor:
                return None

    def _check(self, area: Area) -> None:
        """An area's mode is part of what its table means, so a load never changes it by the way."""
        if self.mode is not None and area["loadMode"] != self.mode:
            raise ConflictError(
                "other_load_mode",
                f"The table {area['name']!r} is loaded with the mode {area['loadMode']}, not {self.mode}. Leave "
                "--mode out, or name another table with --table.",
            )
        if self.key_columns and list(self.key_columns) != list(area.get("keyColumns") or []):
            raise ConflictError(
                "other_key",
                f"The table {area['name']!r} has the key {', '.join(area.get('keyColumns') or ['(none)'])}. Leave "
                "--key out, or name another table with --table.",
            )
        change = area.get("schemaChange", "evolve")
        if self.schema_change is not None and change != self.schema_change:
            raise ConflictError(
                "other_schema_change",
                f"The table {area['name']!r} has the schema change {change}, not {self.schema_change}. "
                "Leave --schema-change out, or change the area's.",
            )

    def _upload(self, file: Path, area: Area, display: Display) -> File:
        size = file.stat().st_size
        return self.client.upload_file(
            self.env_id,
            area["areaId"],
            file,
            on_progress=lambda sent: display.uploaded(file.name, sent, size),
        )

    def _cancel(self, job: Job) -> None:
        """Cancel it, wait until it has stopped, and say so."""
        with suppress(ConflictError):  # it ended in the same moment
            self.client.cancel_job(job["jobId"])
        ended = self.client.wait_for_job(job["jobId"])
        if not self.as_json:
            console = self.console or Console(stderr=True, highlight=False)
            console.print(f"The job {job['jobId']} is {status_markup(ended['status'])}.", soft_wrap=True)
