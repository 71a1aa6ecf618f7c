"""Who calls, and what they may do. Pure logic: no clock of its own where one can be given, no I/O.

A *principal* is a tenant, a subject and roles. It is proven by one of three things: a service token (a JWT that a
backend service signs with the shared secret and that lives five minutes at most), the local bearer token of a
single-user installation, or a session cookie, which the one-time code of the printed link is traded for.
"""

import base64
import hashlib
import hmac
import secrets
import time
import unicodedata
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import jwt

from stepmill.errors import AuthenticationError, ConfigurationError, ForbiddenError

RoleName = Literal["viewer", "operator", "editor", "administrator"]

ROLES: tuple[RoleName, ...] = get_args(RoleName)
"""The roles, least first: each may do what those before it may."""

SERVICE_AUDIENCE = "stepmill"
SERVICE_TOKEN_SECONDS = 300
SESSION_SECONDS = 30 * 24 * 3600
LOGIN_CODE_SECONDS = 15 * 60
LEAST_SECRET_BYTES = 32
LONGEST_CLAIM = 200

_CLOCK_SKEW_SECONDS = 30
_SESSION_AUDIENCE = "stepmill-session"
_LOGIN_AUDIENCE = "stepmill-login"
_SERVICE_CLAIMS = ("iss", "sub", "aud", "tenantId", "roles", "iat", "exp", "jti")


@dataclass(frozen=True)
class Principal:
    """A caller: whose data they see (``tenant_id``), who they are, and their roles."""

    tenant_id: str
    subject: str
    roles: frozenset[str]

    def may(self, role: RoleName) -> bool:
        """Whether one of the roles allows what ``role`` allows."""
        return any(name in self.roles for name in ROLES[ROLES.index(role) :])

    def require(self, role: RoleName) -> None:
        """Raise :class:`ForbiddenError` unless the caller may act as ``role``."""
        if not self.may(role):
            raise ForbiddenError("role_required", f"This needs the role {role}, which {self.subject} does not have.")


def sign_service_token(
    secret: str,
    *,
    issuer: str,
    subject: str,
    tenant_id: str,
    roles: Iterable[RoleName],
    lifetime_seconds: int = SERVICE_TOKEN_SECONDS,
    now: float | None = None,
) -> str:
    """A token with which a backend service calls the api in the name of ``subject``."""
    issued = int(time.time() if now is None else now)
    claims = {
        "iss": issuer,
        "sub": subject,
        "aud": SERVICE_AUDIENCE,
        "tenantId": tenant_id,
        "roles": list(roles),
        "iat": issued,
        "exp": issued + min(lifetime_seconds, SERVICE_TOKEN_SECONDS),
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, _long_enough(secret), algorithm="HS256")


def verify_service_token(secret: str, token: str, *, now: float | None = None) -> Principal:
    """The principal of a service token. Anything but a token exactly as the contract has it is refused."""
    claims = _verified_claims(_long_enough(secret), token, audience=SERVICE_AUDIENCE, required=_SERVICE_CLAIMS)
    for name in ("iss", "sub", "tenantId", "jti"):
        if not _is_plain_text(claims[name]):
            raise _refused(
                f"the claim {name} is not a text of 1 to {LONGEST_CLAIM} characters without control characters"
            )
    roles = claims["roles"]
    if not isinstance(roles, list) or not all(isinstance(role, str) and role in ROLES for role in roles):
        raise _refused("the claim roles is not a list of known roles")
    _check_times(claims, time.time() if now is None else now, longest=SERVICE_TOKEN_SECONDS)
    return Principal(claims["tenantId"], claims["sub"], frozenset(roles))


@dataclass(frozen=True)
class Authenticator:
    """Turns what a request carries into a principal.

    ``local_user`` is who the local token and the session cookie stand for; without it only service tokens are taken.
    ``session_secret`` signs cookies and login codes; kept in the data folder, it lets sessions outlive a restart.
    """

    service_secret: str | None = field(default=None, repr=False)
    local_token: str | None = field(default=None, repr=False)
    session_secret: str | None = field(default=None, repr=False)
    local_user: Principal | None = None

    def __post_init__(self) -> None:
        for secret in (self.service_secret, self.session_secret):
            if secret is not None:
                _long_enough(secret)

    def bearer(self, token: str, *, now: float | None = None) -> Principal:
        """The principal of an ``Authorization: Bearer`` token."""
        if self.local_token and self.local_user and _same(token, self.local_token):
            return self.local_user
        if self.service_secret is None:
            raise _refused("it is not the token of this installation")
        return verify_service_token(self.service_secret, token, now=now)

    @property
    def cookie_name(self) -> str:
        """Name of the session cookie, of this installation alone.

        Cookies don't know ports: by one name, two installations on one host would sign each other out.
        """
        digest = hashlib.sha256(b"cookie:" + (self.session_secret or "").encode()).hexdigest()
        return f"stepmill_session_{digest[:8]}"

    def session(self, cookie: str, *, now: float | None = None) -> Principal:
        """The principal of a session cookie."""
        claims = self._signed_here(cookie, _SESSION_AUDIENCE, now, longest=SESSION_SECONDS)
        assert self.local_user is not None  # _signed_here refuses without one
        if claims["sub"] != self.local_user.subject:
            raise _refused("the session belongs to another user")
        return self.local_user

    def issue_session(self, *, now: float | None = None) -> str:
        """The value of a new session cookie for the local user."""
        return self._sign_here(_SESSION_AUDIENCE, SESSION_SECONDS, now)

    def issue_login_code(self, *, now: float | None = None) -> str:
        """A code for the printed link. It is good once, for a quarter of an hour."""
        return self._sign_here(_LOGIN_AUDIENCE, LOGIN_CODE_SECONDS, now)

    def verify_login_code(self, code: str, *, now: float | None = None) -> str:
        """The id of a good login code. The caller must see to it that an id is taken once only."""
        return str(self._signed_here(code, _LOGIN_AUDIENCE, now, longest=LOGIN_CODE_SECONDS)["jti"])

    def _sign_here(self, audience: str, lifetime: int, now: float | None) -> str:
        if self.session_secret is None or self.local_user is None:
            raise ConfigurationError(
                "no_local_user", "This installation has no local user, so nobody can sign in by link."
            )
        issued = int(time.time() if now is None else now)
        claims = {
            "sub": self.local_user.subject,
            "aud": audience,
            "iat": issued,
            "exp": issued + lifetime,
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode(claims, _derived(self.session_secret, audience), algorithm="HS256")

    def _signed_here(self, token: str, audience: str, now: float | None, *, longest: int) -> dict[str, Any]:
        if self.session_secret is None or self.local_user is None:
            raise _refused("this installation has no local user")
        required = ("sub", "aud", "iat", "exp", "jti")
        claims = _verified_claims(_derived(self.session_secret, audience), token, audience=audience, required=required)
        _check_times(claims, time.time() if now is None else now, longest=longest)
        return claims


def new_secret() -> str:
    """A fresh random secret, long enough for every use here."""
    return secrets.token_urlsafe(48)


def _verified_claims(secret: str, token: str, *, audience: str, required: Iterable[str]) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=audience,
            # Times are checked by _check_times, against the clock that the caller gives.
            options={"require": list(required), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError) as error:
        raise _refused(str(error)) from None
    if claims["aud"] != audience:  # a list that names us among others is not what we sign
        raise _refused("it was made for another audience")
    return claims


def _is_plain_text(value: object) -> bool:
    """Whether it can be stored, logged and shown: half of a surrogate pair can't, which JSON lets through."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_CLAIM:
        return False
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in value)


def _check_times(claims: Mapping[str, Any], now: float, *, longest: int) -> None:
    issued, expires = claims["iat"], claims["exp"]
    for value in (issued, expires):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _refused("iat and exp must be numbers")
    if not issued < expires <= issued + longest:
        raise _refused(f"it must expire within {longest} seconds of being issued")
    if issued > now + _CLOCK_SKEW_SECONDS:
        raise _refused("it was issued in the future; compare the clocks of the two machines")
    if expires <= now:
        raise _refused("it has expired")
    not_before = claims.get("nbf", issued)
    if (
        isinstance(not_before, bool)
        or not isinstance(not_before, int | float)
        or not_before > now + _CLOCK_SKEW_SECONDS
    ):
        raise _refused("it is not valid yet")


def _refused(why: str) -> AuthenticationError:
    return AuthenticationError("invalid_token", f"The token is not accepted: {why.rstrip('.')}.")


def _long_enough(secret: str) -> str:
    if len(secret.encode()) < LEAST_SECRET_BYTES:
        raise ConfigurationError(
            "secret_too_short",
            f"A signing secret must have at least {LEAST_SECRET_BYTES} bytes; see STEPMILL_SERVICE_SECRET.",
        )
    return secret


def _derived(secret: str, purpose: str) -> str:
    """A key for one purpose only, so that a login code is never taken for a session."""
    return base64.b64encode(hmac.digest(secret.encode(), purpose.encode(), "sha256")).decode()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
