"""Problem details become the errors of `stepmill.errors`."""

import json

import pytest

from stepmill import errors
from stepmill.client.problems import error_of
from stepmill.errors import FieldError, InputError, RateLimitedError, StepmillError

# Not answers to a request: how a job ends, or what a process finds at its own start.
NEVER_ANSWERED_ALONE = {
    errors.DataError,
    errors.AttemptLostError,
    errors.CancelledError,
    errors.TimeoutExceededError,
    errors.ConfigurationError,
}


def all_errors() -> list[type[StepmillError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, StepmillError)]
    return [error for error in found if error is not StepmillError and error not in NEVER_ANSWERED_ALONE]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_api_comes_back_as_itself(kind: type[StepmillError]) -> None:
    body = json.dumps({"status": kind.status, "code": "a_code", "detail": "A sentence.", "details": {"a": 1}})

    error = error_of(kind.status, {}, body.encode())

    assert type(error) is kind
    assert (error.code, error.message) == ("a_code", "A sentence.")


def test_pointers_are_kept() -> None:
    body = json.dumps({"code": "invalid_params", "errors": [{"pointer": "/params/fileId", "message": "is missing"}]})
    error = error_of(422, {}, body.encode())
    assert isinstance(error, InputError)
    assert error.errors == (FieldError("/params/fileId", "is missing"),)


def test_retry_after_is_kept() -> None:
    error = error_of(429, {"retry-after": "7"}, b"{}")
    assert isinstance(error, RateLimitedError)
    assert error.retry_after_seconds == 7


@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"[]", b'{"errors": 5}'])
def test_an_answer_of_somebody_else_is_an_error_too(body: bytes) -> None:
    error = error_of(502, {}, body)
    assert error.code == "http_502"
    assert error.retryable
