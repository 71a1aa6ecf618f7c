"""Every screen of the console: what it is called and where it is."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Screen:
    """One screen. Its path has names of sample data in braces."""

    name: str
    path: str

    def at(self, ids: Mapping[str, str]) -> str:
        """Its address for the sample data with these ids."""
        return self.path.format_map(ids)


SCREENS = (
    Screen("overview", "/"),
    Screen("jobs", "/jobs"),
    Screen("job", "/jobs/{job}"),
    Screen("job-running", "/jobs/{running_job}"),
    Screen("job-failed", "/jobs/{failed_job}"),
    Screen("areas", "/areas"),
    Screen("area", "/areas/{area}"),
    Screen("file", "/areas/{area}/files/{file}"),
    Screen("plan", "/areas/{area}/plan"),
    Screen("tables", "/tables"),
    Screen("table-rows", "/tables/{table}?tab=rows"),
    Screen("table-columns", "/tables/{table}?tab=columns"),
    Screen("table-loads", "/tables/{table}?tab=loads"),
    Screen("table-rejects", "/tables/{table}?tab=rejects"),
    Screen("workers", "/workers"),
)
