"""The shapes of plans and their previews."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from stepmill.api.schemas.files import Finding, PreviewColumn
from stepmill.api.schemas.shape import Shape
from stepmill.api.schemas.tables import Reject


class PlanVersion(Shape):
    """One version of an area's plan, without the plan."""

    version: int
    author: Literal["rules", "ai", "user"]
    status: Literal["draft", "approved", "superseded"]
    score: float | None = None
    created_at: datetime


class Plan(PlanVersion):
    """A plan with its version. It may be sent back as it is; the version's fields are then ignored."""

    source: dict[str, Any] = Field(description="How the source is read.")
    columns: list[dict[str, Any]] = Field(description="The table's columns and how their values are made.")


class PlanVersionList(Shape):
    """A page of plan versions."""

    items: list[PlanVersion]
    next_cursor: str | None = None


class TriedRows(Shape):
    """What a plan rejects of some rows."""

    rejects: list[Reject]
    rows_read: int
    rows_rejected: int
    rows_filtered: int


class PlanPreview(TriedRows):
    """What a plan makes of a file's first rows; nothing is loaded."""

    columns: list[PreviewColumn]
    rows: list[dict[str, Any]]
    warnings: list[Finding]
    of_load: TriedRows | None = Field(default=None, description="What it makes of the rejects of the load named.")
