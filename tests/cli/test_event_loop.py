"""What a worker's process runs on."""

import asyncio
import sys

import pytest

from stepmill.cli import event_loop


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
def test_a_workers_loop_is_uvloop() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        loops.append(asyncio.get_running_loop())

    event_loop.run(main())
    assert type(loops[0]).__module__.startswith("uvloop")
