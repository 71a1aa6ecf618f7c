"""What every error answer must look like."""

import re
from typing import Any

import httpx


def assert_problem(response: httpx.Response, status: int | None = None, code: str | None = None) -> dict[str, Any]:
    """The answer is a whole problem, with this status and code if they are given."""
    assert response.headers["content-type"] == "application/problem+json", (response.status_code, response.text)
    body: dict[str, Any] = response.json()
    assert status is None or response.status_code == status, body
    assert code is None or body["code"] == code, body
    assert body["status"] == response.status_code
    assert re.fullmatch(r"[a-z][a-z0-9_]*", body["code"])
    assert body["type"] == f"urn:stepmill:problem:{body['code']}"
    assert body["title"]
    assert body["detail"].endswith((".", "?", "!")), body["detail"]
    assert body["requestId"] == response.headers["x-request-id"]
    for error in body.get("errors", []):
        assert set(error) == {"pointer", "message"}
        assert error["pointer"] == "" or error["pointer"].startswith("/")
        assert error["message"]
    assert response.status_code < 500, body
    return body
