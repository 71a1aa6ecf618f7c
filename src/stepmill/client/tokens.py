"""Credentials of a backend service: short-lived tokens, signed with the shared service secret."""

import os
import socket
import time
import uuid
from collections.abc import Sequence

import jwt

from stepmill.errors import ConfigurationError

LIFETIME_SECONDS = 300
"""The longest life that the server accepts."""

MINIMUM_SECRET_BYTES = 32


def service_headers(
    *,
    secret: str | None = None,
    tenant_id: str | None = None,
    subject: str | None = None,
    roles: Sequence[str] = ("editor",),
    lifetime_seconds: int = LIFETIME_SECONDS,
) -> dict[str, str]:
    """The headers that prove who calls. No argument is needed: everything comes from the environment.

    `STEPMILL_SERVICE_SECRET` signs a new token for the tenant `STEPMILL_TENANT` (`local` if unset). Where there is no
    secret, `STEPMILL_TOKEN`, the local user's own token, is sent as it is.
    """
    secret = secret or os.environ.get("STEPMILL_SERVICE_SECRET")
    if not secret:
        return {"Authorization": f"Bearer {_local_token()}"}
    if len(secret.encode()) < MINIMUM_SECRET_BYTES:
        raise ConfigurationError(
            "weak_service_secret",
            f"STEPMILL_SERVICE_SECRET must have {MINIMUM_SECRET_BYTES} bytes or more. Make one: openssl rand -hex 32",
        )
    now = int(time.time())
    claims = {
        "iss": "stepmill-client",
        "sub": subject or f"service:{socket.gethostname()}",
        "aud": "stepmill",
        "tenantId": tenant_id or os.environ.get("STEPMILL_TENANT") or "local",
        "roles": list(roles),
        "iat": now,
        "exp": now + min(lifetime_seconds, LIFETIME_SECONDS),
        "jti": uuid.uuid4().hex,
    }
    return {"Authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"}


def _local_token() -> str:
    token = os.environ.get("STEPMILL_TOKEN")
    if not token:
        raise ConfigurationError(
            "no_credentials",
            "There are no credentials. Set STEPMILL_TOKEN to the server's token, or STEPMILL_SERVICE_SECRET to the "
            "secret that it shares with services.",
        )
    return token
