"""Fixtures of the api's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from stepmill.cli.supervision import http as http_server
from stepmill.cli.supervision import protocol
from stepmill.gateways.sql.database import Database
from tests.engine import job_types
from tests.support.api import Api, make_api
from tests.support.engine import Bench


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """The api over an engine with small job types, without a worker."""
    async with Bench(database, tmp_path, job_types.ALL, max_upload_bytes=4 * 1024**2).started() as bench:
        made = make_api(bench)
        yield made
        await made.parts.preview_pool.close()


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """The local user."""
    async with api.client() as client:
        yield client


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of connections that are over soon."""
    monkeypatch.setattr(http_server, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(protocol, "READER_SECONDS", 0.3)
