"""The shapes of errors and of progress."""

from typing import Any

from pydantic import Field

from stepmill.api.schemas.shape import Shape


class ProblemField(Shape):
    """One wrong place in the request."""

    pointer: str = Field(
        description="JSON pointer into the body, or under /query, /path, /headers.", examples=["/params/fileId"]
    )
    message: str = Field(examples=["This field is required."])


class Problem(Shape):
    """RFC 9457 problem details. `code` never changes its meaning."""

    type: str = Field(examples=["urn:stepmill:problem:invalid_params"])
    title: str = Field(examples=["Invalid params"])
    status: int = Field(examples=[422])
    code: str = Field(examples=["invalid_params"])
    detail: str = Field(examples=["The params don't fit FILE_ETL: 1 of them wrong."])
    errors: list[ProblemField] | None = None
    request_id: str | None = Field(default=None, examples=["5f0c2a9be1d34c77"])


class Failure(Shape):
    """Why a job or a step ended in ERROR, or what it is tried again for."""

    code: str = Field(examples=["too_many_rejects"])
    message: str = Field(examples=["12 of 100 rows were rejected, more than the limit of 5%."])
    retryable: bool
    details: dict[str, Any] | None = None


class Progress(Shape):
    """How far something is; `total` is null where nobody knows."""

    done: float | None = Field(default=None, examples=[250000])
    total: float | None = Field(default=None, examples=[1000000])
    unit: str | None = Field(default=None, examples=["rows"])
    message: str | None = None
