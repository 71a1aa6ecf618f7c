"""Environments of a test's own."""

from uuid import uuid4

import httpx

from tests.cli.processes import Serve


def make_environment(server: Serve) -> str:
    """A new one, with nothing in it."""
    name = f"env-{uuid4().hex[:8]}"
    headers = {"Authorization": f"Bearer {server.token}"}
    made = httpx.post(f"{server.url}/api/envs", json={"envId": name, "name": name}, headers=headers, trust_env=False)
    assert made.status_code == 201, made.text
    return name
