"""What the server makes of the console's files."""

from collections.abc import Iterator
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from stepmill.api.console_files import ConsoleFiles


async def bodies(files: ConsoleFiles, folder: Path) -> dict[str, bytes]:
    """What a browser gets for each file of the folder that is served, by its path."""
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
