"""Every error that Stepmill raises on purpose.

StepmillError
├── InputError                 422  the request, a plan or a param is wrong
│   ├── UnreadableError        400  the request can't be parsed at all
│   ├── PayloadTooLargeError   413
│   └── MediaTypeError         415
├── AuthenticationError        401
├── ForbiddenError             403
├── NotFoundError              404  also for what belongs to another tenant
├── ConflictError              409  the state of a thing forbids what was asked
├── RateLimitedError           429
├── DataError                       a file or an answer can't be turned into rows
├── AttemptLostError                this attempt is no longer the current one; its effects are void
├── CancelledError                  a user asked for the job to stop
├── TimeoutExceededError            a step or an attempt ran out of time (retryable)
├── UnavailableError           503  something outside does not answer now (retryable)
└── ConfigurationError              the installation is wrong; an operator must act
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class FieldError:
    """One wrong place in a request: a JSON pointer into it and what is wrong there."""

    pointer: str
    message: str


class StepmillError(Exception):
    """An error with a stable ``code``, a sentence a user can act on, and whether trying again can help.

    ``status`` is the HTTP status with which the api answers it. ``details`` is small JSON data and holds no secret.
    """

    status: ClassVar[int] = 500
    retryable_by_default: ClassVar[bool] = False

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = self.retryable_by_default if retryable is None else retryable
        self.details = dict(details) if details else None

    def as_json(self) -> dict[str, Any]:
        """The error as jobs and steps carry it: ``{code, message, retryable, details?}``."""
        body: dict[str, Any] = {"code": self.code, "message": self.message, "retryable": self.retryable}
        if self.details:
            body["details"] = self.details
        return body


class InputError(StepmillError):
    """The request is well-formed but wrong; ``errors`` names each place."""

    status = 422

    def __init__(
        self,
        code: str,
        message: str,
        *,
        errors: Sequence[FieldError] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message, details=details)
        self.errors = tuple(errors)


class UnreadableError(InputError):
    """The request can't be parsed."""

    status = 400


class PayloadTooLargeError(InputError):
    """The request's body is larger than allowed."""

    status = 413


class MediaTypeError(InputError):
    """The request's content type is not one that this route reads."""

    status = 415


class AuthenticationError(StepmillError):
    """The caller did not prove who they are."""

    status = 401


class ForbiddenError(StepmillError):
    """The caller is known and may not do this."""

    status = 403


class NotFoundError(StepmillError):
    """There is no such thing, or it belongs to another tenant."""

    status = 404


class ConflictError(StepmillError):
    """The state of a thing forbids what was asked."""

    status = 409


class RateLimitedError(StepmillError):
    """Too many requests; ``retry_after_seconds`` says when to come back."""

    status = 429
    retryable_by_default = True

    def __init__(self, code: str, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(code, message)
        self.retry_after_seconds = retry_after_seconds


class DataError(StepmillError):
    """A file's or an answer's content can't be turned into rows; the table is untouched."""

    status = 422


class AttemptLostError(StepmillError):
    """This attempt is no longer the job's current one: whatever it did since has no effect."""

    status = 409

    def __init__(self, job_id: str, attempt: int) -> None:
        super().__init__("attempt_lost", f"Attempt {attempt} of job {job_id} is no longer the current one.")


class CancelledError(StepmillError):
    """A user asked for the job to stop."""

    status = 409


class TimeoutExceededError(StepmillError):
    """A step or an attempt ran out of its time."""

    status = 504
    retryable_by_default = True


class UnavailableError(StepmillError):
    """Something outside does not answer now; trying again can help."""

    status = 503
    retryable_by_default = True


class ConfigurationError(StepmillError):
    """The installation is wrong and an operator must act; the message says how."""
