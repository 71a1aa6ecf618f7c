"""One `stepmill api` on a free port, as a client meets it."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from tests.bars.conftest import WITH_PLUGIN
from tests.cli.processes import clean_environment

TOKEN = "a token of the bench"


@asynccontextmanager
async def api_process(url: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an api on the database at ``url``, with job types of the tests."""
    settings = {"STEPMILL_DATABASE_URL": url, "STEPMILL_BLOB_URL": str(folder), "STEPMILL_TOKEN": TOKEN}
    command = [sys.executable, "-m", "stepmill.cli", "api", "--json", "--port=0", f"--data-dir={folder}-api"]
    environment = clean_environment(**WITH_PLUGIN, **settings)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL, env=environment)
    try:
        assert process.stdout is not None
        note = json.loads(await process.stdout.readline())
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=note["url"], headers=headers, timeout=60, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
