"""Who calls, and what they may do."""

import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepmill.auth import (
    ROLES,
    Authenticator,
    Principal,
    new_secret,
    sign_service_token,
    verify_service_token,
)
from stepmill.errors import AuthenticationError, ConfigurationError, ForbiddenError

SECRET = "0123456789abcdef0123456789abcdef"
NOW = 1_800_000_000
USER = Principal("local", "me", frozenset({"administrator"}))


def claims(**changes: Any) -> dict[str, Any]:
    made = {
        "iss": "backend",
        "sub": "alice",
        "aud": "stepmill",
        "tenantId": "acme",
        "roles": ["viewer", "operator"],
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "1",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not ...}


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm=algorithm)


def test_a_service_token_names_tenant_subject_and_roles() -> None:
    principal = verify_service_token(SECRET, signed(), now=NOW + 10)

    assert principal == Principal("acme", "alice", frozenset({"viewer", "operator"}))


def test_a_claim_may_be_any_plain_text() -> None:
    name = "Zoë \u4e16\u754c \U0001f600".ljust(200, "x")

    assert verify_service_token(SECRET, signed(sub=name, tenantId=name), now=NOW).subject == name


def test_what_we_sign_we_accept() -> None:
    token = sign_service_token(SECRET, issuer="b", subject="s", tenant_id="t", roles=["editor"])

    assert verify_service_token(SECRET, token) == Principal("t", "s", frozenset({"editor"}))


@pytest.mark.parametrize(
    "changes",
    [
        *({name: ...} for name in claims()),
        {"aud": "other"},
        {"aud": ["stepmill", "other"]},
        {"aud": ["stepmill"]},
        {"exp": NOW + 301},
        {"exp": NOW - 1, "iat": NOW - 100},
        {"exp": NOW},
        {"iat": NOW + 100, "exp": NOW + 200},
        {"iat": "now"},
        {"exp": True},
        {"exp": NOW - 5, "iat": NOW - 5},
        {"nbf": NOW + 100},
        {"roles": "viewer"},
        {"roles": ["viewer", "root"]},
        {"roles": [["viewer"]]},
        {"roles": None},
        {"tenantId": ""},
        {"tenantId": 7},
        {"tenantId": "a\x00b"},
        {"tenantId": "\ud800"},
        {"tenantId": "a\nb"},
        {"tenantId": "a" * 201},
        {"sub": "\ud800"},
        {"sub": "\x85"},
        {"sub": "a" * 201},
        {"iss": "\udfff"},
        {"jti": "\ud800"},
        {"sub": ""},
        {"iss": None},
        {"jti": ""},
    ],
)
def test_any_other_service_token_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((AuthenticationError, TypeError)) as refused:
        verify_service_token(SECRET, signed(**changes), now=NOW)
    if isinstance(refused.value, AuthenticationError):
        assert refused.value.status == 401


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        signed("another secret, also 32 bytes long"),
        signed(algorithm="HS512", secret=SECRET * 2),
        jwt.encode(claims(), None, algorithm="none"),
        signed()[:-3] + "abc",
    ],
)
def test_forged_tokens_are_refused(token: str) -> None:
    with pytest.raises(AuthenticationError):
        verify_service_token(SECRET, token, now=NOW)


@given(st.text(max_size=200))
def test_no_text_breaks_the_verification(token: str) -> None:
    authenticator = Authenticator(
        service_secret=SECRET, local_token="the token", session_secret=SECRET, local_user=USER
    )
    for check in (authenticator.bearer, authenticator.session, authenticator.verify_login_code):
        with pytest.raises(AuthenticationError):
            check(token)


def test_a_short_secret_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        Authenticator(service_secret="short")


def test_secrets_are_not_shown() -> None:
    text = repr(Authenticator(service_secret=SECRET, local_token="hush-hush", session_secret=SECRET, local_user=USER))

    assert SECRET not in text
    assert "hush-hush" not in text


def test_each_role_may_do_what_those_before_it_may() -> None:
    for index, role in enumerate(ROLES):
        principal = Principal("t", "s", frozenset({role}))
        assert [principal.may(other) for other in ROLES] == [place <= index for place in range(len(ROLES))]
    with pytest.raises(ForbiddenError):
        Principal("t", "s", frozenset()).require("viewer")


def test_a_session_outlives_a_restart_and_no_other_installation_takes_it() -> None:
    secret = new_secret()
    cookie = Authenticator(session_secret=secret, local_user=USER).issue_session()

    assert Authenticator(session_secret=secret, local_user=USER).session(cookie) == USER
    with pytest.raises(AuthenticationError):
        Authenticator(session_secret=new_secret(), local_user=USER).session(cookie)


def test_a_login_code_is_no_session_and_no_token() -> None:
    authenticator = Authenticator(session_secret=new_secret(), local_user=USER, service_secret=SECRET)
    code = authenticator.issue_login_code()

    assert authenticator.verify_login_code(code)
    for check in (authenticator.session, authenticator.bearer):
        with pytest.raises(AuthenticationError):
            check(code)
    with pytest.raises(AuthenticationError):
        authenticator.verify_login_code(authenticator.issue_session())


def test_login_codes_and_sessions_expire() -> None:
    authenticator = Authenticator(session_secret=new_secret(), local_user=USER)
    code, session = authenticator.issue_login_code(), authenticator.issue_session()
    later = time.time() + 16 * 60

    with pytest.raises(AuthenticationError):
        authenticator.verify_login_code(code, now=later)
    assert authenticator.session(session, now=later) == USER
    with pytest.raises(AuthenticationError):
        authenticator.session(session, now=later + 31 * 24 * 3600)
