"""What the server makes of the console's files."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from stepmill.api.console_files import ConsoleFiles


def bodies(files: ConsoleFiles, folder: Path) -> dict[str, bytes]:
    """What a browser gets for each file of the folder that is served, by its path."""
    # The browser's tests hold this thread's event loop, so this one has a thread of its own.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _bodies(files, folder)).result()


async def _bodies(files: ConsoleFiles, folder: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    transport = httpx.ASGITransport(Starlette(routes=[Mount("/", files)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in _paths_in(folder):
            response = await client.get(f"/{path}")
            if response.status_code == httpx.codes.OK:
                found[path] = response.content
    return found


def _paths_in(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "node_modules" not in path.parts:
            yield path.relative_to(folder).as_posix()
