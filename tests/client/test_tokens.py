"""Credentials: what a service needs to say is in the environment."""

import time

import pytest

from stepmill.auth import Principal, verify_service_token
from stepmill.client import service_headers
from stepmill.errors import ConfigurationError

SECRET = "s" * 32


def test_a_service_token_is_made_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPMILL_SERVICE_SECRET", SECRET)
    monkeypatch.setenv("STEPMILL_TENANT", "acme")

    scheme, token = service_headers()["Authorization"].split()

    assert scheme == "Bearer"
    principal = verify_service_token(SECRET, token)
    assert principal == Principal("acme", principal.subject, frozenset({"editor"}))


def test_each_token_is_new_and_lives_300_seconds_at_most() -> None:
    tokens = [service_headers(secret=SECRET, lifetime_seconds=86_400)["Authorization"][7:] for _ in range(2)]

    assert tokens[0] != tokens[1]
    for token in tokens:
        verify_service_token(SECRET, token, now=time.time() + 290)
        with pytest.raises(Exception, match="expired"):
            verify_service_token(SECRET, token, now=time.time() + 301)


def test_without_a_secret_the_local_token_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPMILL_TOKEN", "local-token")
    assert service_headers() == {"Authorization": "Bearer local-token"}


def test_without_either_the_error_says_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match=r"STEPMILL_TOKEN .* STEPMILL_SERVICE_SECRET"):
        service_headers()


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        service_headers(secret="too short")
