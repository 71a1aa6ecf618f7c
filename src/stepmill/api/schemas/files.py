"""The shapes of environments, areas and files."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from stepmill.api.schemas.shape import Shape
from stepmill.api.schemas.tables import Bucket, Reject, ValueCount


class Environment(Shape):
    """An isolated namespace: documents, warehouse schema and credentials of its own."""

    env_id: str = Field(examples=["default"])
    name: str = Field(examples=["default"])
    schema_name: str = Field(examples=["env_default"])
    created_at: datetime


class EnvironmentList(Shape):
    """A page of environments."""

    items: list[Environment]
    next_cursor: str | None = None


class AreaSource(Shape):
    """The place that an area takes files from."""

    url: str = Field(examples=["s3://acme/exports"])
    glob: str = Field(examples=["orders/**/*.csv.gz"])


class Area(Shape):
    """A named bucket of related files, which all go to one table."""

    area_id: str
    name: str = Field(examples=["Orders"])
    load_mode: str = Field(examples=["replaceFile"])
    key_columns: list[str]
    schema_change: str = Field(examples=["evolve"])
    source: AreaSource | None = None
    phys_id: str | None = None
    created_at: datetime
    files: int = Field(description="How many there are.")
    bytes: int = Field(description="Of all files together.")
    plan_version: int | None = Field(description="The version of the plan that is in force.")


class AreaList(Shape):
    """A page of areas."""

    items: list[Area]
    next_cursor: str | None = None


class LastLoad(Shape):
    """The newest load of a file."""

    load_id: str
    job_id: str
    finished_at: datetime
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_filtered: int
    rows_deduplicated: int


class ScannedFile(Shape):
    """A file that was new in a place or had changed, and the job that loads it."""

    path: str
    file_id: str
    job_id: str


class SkippedFile(Shape):
    """A file that can't be taken."""

    path: str
    reason: str


class Scan(Shape):
    """What a scan found."""

    found: int = Field(description="Files that fit the pattern.")
    unchanged: int = Field(description="Those that were seen before as they are.")
    jobs: list[ScannedFile]
    skipped: list[SkippedFile]
    remaining: int = Field(description="New ones that are left for the next scan.")


class Origin(Shape):
    """Where a file was found, and the mark by which a change of it is seen."""

    url: str
    path: str
    mark: str


class File(Shape):
    """A file that was uploaded, or found in a place: then its job fetches it, and what it is is known after that."""

    file_id: str
    area_id: str
    name: str = Field(examples=["orders.csv"])
    bytes: int
    sha256: str | None = None
    format: str | None = Field(default=None, examples=["csv"])
    origin: Origin | None = None
    created_at: datetime
    duplicate_of: str | None = None
    last_load: LastLoad | None = None


class FileList(Shape):
    """A page of files."""

    items: list[File]
    next_cursor: str | None = None


class PreviewColumn(Shape):
    """A column as the rules read it."""

    name: str = Field(examples=["order_id"])
    logical_name: str = Field(examples=["Order ID"])
    source: str | None = Field(default=None, examples=["Order ID"])
    type: str = Field(examples=["integer"])
    mapping: str | None = Field(default=None, examples=["DIRECT"])
    nullable: bool


class ProfiledColumn(PreviewColumn):
    """A column with what the records that were looked at hold."""

    nulls: int
    misfits: int = Field(description="Values that are not of the type.")
    distinct: int | None
    min: Any
    max: Any
    examples: list[str] = Field(description="Up to 5 different values as they stand in the file.")
    histogram: list[Bucket] | None = Field(default=None, description="Of numbers, dates and times.")
    commonest: list[ValueCount] | None = Field(default=None, description="Of everything else.")


class Line(Shape):
    """A line of a file as text."""

    line: int
    text: str
    kind: Literal["preamble", "header", "record", "comment", "blank"]
    truncated: bool = Field(description="Whether there is more of it than `text`.")


class Finding(Shape):
    """Something about a file that is good to know."""

    code: str = Field(examples=["encoding_guessed"])
    message: str
    column: str | None = None


class FilePreview(Shape):
    """How a file is read, and its first rows as they stand there."""

    format: str = Field(examples=["csv"])
    encoding: str = Field(examples=["utf-8"])
    delimiter: str | None = Field(examples=[";"])
    quote: str | None = Field(examples=['"'])
    header_rows: int | None
    preamble_rows: int | None
    records_path: str | None
    sheet: str | None
    columns: list[ProfiledColumn]
    lines: list[Line]
    rows: list[dict[str, Any]]
    rows_profiled: int = Field(description="How many rows the columns' types, counts and examples are told from.")
    rejects: list[Reject]
    evidence: list[Finding]
    warnings: list[Finding]
