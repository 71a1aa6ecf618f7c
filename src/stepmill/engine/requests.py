"""What a caller may ask of the engine: a job, or a filter over jobs."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from stepmill.engine.job_type import JsonModel

# Python can't read all times that PostgreSQL can store: one past the year 9999 would spoil every list it is in.
_FAR = datetime(9000, 1, 1, tzinfo=UTC)

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _only_rfc3339(value: object) -> object:
    """Pydantic also takes a number for a time, of which nobody says whether it is seconds or milliseconds."""
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value)):
        return value
    raise ValueError('It is not an RFC 3339 time with an offset, such as "2030-01-31T08:00:00Z"')


def _not_far(value: datetime) -> datetime:
    if value >= _FAR:
        raise ValueError(f"It must be before {_FAR:%Y-%m-%d}")
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_only_rfc3339)]

MOST_JOB_IDS = 500

JobStatus = Literal["PENDING", "RUNNING", "DONE", "ERROR", "CANCELLED"]
JobIdText = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class JobRequest(JsonModel):
    """The body of ``POST /api/jobs``."""

    type: str = Field(min_length=1, max_length=100, description="One of the installation's job types.")
    params: dict[str, Any] = Field(default_factory=dict, description="The type's params; see its schema.")
    env_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="The environment, here or in params."
    )
    priority: int = Field(default=0, ge=-100, le=100, strict=True, description="Higher runs first.")
    run_at: Annotated[Time, AfterValidator(_not_far)] | None = Field(
        default=None, description="Not before this time; the past means now."
    )
    max_attempts: int | None = Field(
        default=None, ge=1, le=100, strict=True, description="Attempts that may fail before the job does."
    )
    timeout_seconds: float | None = Field(
        default=None, gt=0, le=7 * 86_400, strict=True, description="Time limit of one attempt."
    )
    idempotency_key: str | None = Field(
        default=None, min_length=1, max_length=255, description="A repeat with this key gets the first job."
    )

    def fingerprint(self) -> dict[str, Any]:
        """The parsed body as it is compared with a repeat's."""
        return self.model_dump(mode="json", exclude={"idempotency_key"})


class JobFilter(JsonModel):
    """The filters of ``GET /api/jobs``, of its counts, and of bulk cancel and retry."""

    job_id: tuple[JobIdText, ...] = Field(
        default=(), min_length=1, max_length=MOST_JOB_IDS, description="Any of these."
    )
    status: tuple[JobStatus, ...] = Field(default=(), description="Any of these.")
    type: tuple[str, ...] = Field(default=(), description="Any of these.")
    env_id: str | None = None
    created_after: Time | None = None
    created_before: Time | None = None
    q: str | None = Field(default=None, max_length=200, description="Text in the job's id, type, params or error.")


def utc_now() -> datetime:
    """The time now, with its zone."""
    return datetime.now(UTC)
