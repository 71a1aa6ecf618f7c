"""The shapes of tables, rows, loads and rejects."""

from datetime import datetime
from typing import Any

from pydantic import Field

from stepmill.api.schemas.shape import Shape


class Cell(Shape):
    """A field of a rejected record."""

    name: str | None = Field(description="The source's column; null for a field behind the last one.")
    value: str | None = Field(description="Null where it is missing. Long ones are cut.")
    offending: bool


class Reject(Shape):
    """A source record that could not be loaded."""

    line: int | None
    column: str | None
    reason: str = Field(examples=["'12,5x' is not a number."])
    code: str = Field(examples=["bad_numeric"])
    raw: str | None
    cells: list[Cell] | None = Field(description="The record's fields; null where it can't be split into any.")


class RejectList(Shape):
    """A page of rejects."""

    items: list[Reject]
    next_cursor: str | None = None


class Bucket(Shape):
    """A part of a histogram; its end belongs to the next one, but for the last."""

    begin: Any = Field(alias="from", examples=[0])
    end: Any = Field(alias="to", examples=[5])
    count: int


class ValueCount(Shape):
    """A value and how many rows have it."""

    value: str
    count: int


class Column(Shape):
    """A column of a table."""

    name: str
    logical_name: str
    type: str
    unit: str | None = None
    nullable: bool


class Table(Shape):
    """A physical table and the logical view over it."""

    phys_id: str
    logical_name: str
    owner: dict[str, str] = Field(examples=[{"kind": "area", "id": "area_01jd8w"}])
    columns: list[Column]
    rows: int
    bytes: int
    time_column: str | None
    time_series: dict[str, Any] = Field(examples=[{"kind": "none"}])
    plan_version: int | None
    last_load_at: datetime | None


class TableList(Shape):
    """A page of tables."""

    items: list[Table]
    next_cursor: str | None = None


class RowList(Shape):
    """A page of rows, by logical names."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None


class Load(Shape):
    """A line of the load ledger: rows read = loaded + rejected + filtered + deduplicated."""

    load_id: str
    job_id: str
    attempt: int
    mode: str
    plan_version: int
    file_id: str | None = None
    file_name: str | None = None
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_filtered: int
    rows_deduplicated: int
    bytes_read: int | None = None
    replay_of: str | None = Field(default=None, description="The load whose rejects this one loaded.")
    superseded_by: str | None = Field(default=None, description="The load that is in force instead.")
    reverted_at: datetime | None = Field(default=None, description="When it was taken back.")
    removed_at: datetime | None = Field(default=None, description="When its file's rows were removed.")
    rejects_gone: str | None = Field(
        default=None, description="Why its rejects are no longer kept: dismissed, replayed, superseded, size_limit."
    )
    rejects_gone_at: datetime | None = None
    started_at: datetime
    finished_at: datetime | None = None


class LoadList(Shape):
    """A page of the load ledger."""

    items: list[Load]
    next_cursor: str | None = None


class Reverted(Shape):
    """A load that was taken back."""

    load_id: str
    reverted: bool


class Quantile(Shape):
    """The value that such a share of the rows does not exceed."""

    at: float = Field(examples=[0.5])
    value: Any


class ColumnProfile(Shape):
    """What a column of a table holds."""

    name: str
    logical_name: str
    type: str
    nulls: int
    distinct: int
    min: Any
    max: Any
    quantiles: list[Quantile] | None = Field(default=None, description="Of numbers, dates and times.")
    histogram: list[Bucket] | None = Field(default=None, description="Of numbers, dates and times.")
    commonest: list[ValueCount] | None = Field(default=None, description="Of everything else.")


class Profile(Shape):
    """What the columns of a table hold."""

    phys_id: str
    rows: int
    sampled_rows: int = Field(description="How many of the rows the counts are of.")
    columns: list[ColumnProfile]
