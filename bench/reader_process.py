"""``python -m bench.reader_process URL TOKEN READERS JOB…``: reads the streams of some jobs, as many times as asked.

Says ``open`` on its standard output when every reader has its snapshot. When all jobs have ended, a line of JSON:
``{events, broken, delays_ms: {p50, p99, most}}``. A reader whose numbers have a gap or a repetition, or that did not
come to its job's end, is broken. A delay is from the line's being written in the worker to its arrival here, by the one
machine's clock.
"""

import asyncio
import gc
import json
import re
import sys
import time
from array import array
from typing import cast
from urllib.parse import urlsplit

import uvloop

_SENT = re.compile(rb'"sent": ?([0-9.]+)')
_OPEN_AT_ONCE = 50


class _Reader(asyncio.Protocol):
    """One connection: checks its numbers and notes delays, and keeps nothing else."""

    def __init__(self, request: bytes, delays: "array[float]") -> None:
        self._request = request
        self._delays = delays
        self._rest = b""
        self._last: int | None = None
        self.events = 0
        self.broken = False
        self._has_ended = False
        self.first = asyncio.get_running_loop().create_future()
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by its type
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        for block in blocks:
            # Before it there may be the size of a chunk, and at first the answer's headers.
            place = 0 if block.startswith(b"id: ") else block.find(b"\nid: ") + 1
            if place or block.startswith(b"id: "):
                self._take(block[place:], now)

    def _take(self, block: bytes, now: float) -> None:
        number = int(block[4 : block.index(b"\n")])
        self.events += 1
        self._has_ended = b"\nevent: end\n" in block
        if self._last is None:
            self.first.set_result(None)
        elif number != self._last + 1:
            # The end of a job that is at rest has the number of the snapshot before it.
            self.broken |= not (self._has_ended and self.events == 2 and number == self._last)
        self._last = number
        if b"\nevent: log\n" in block and (sent := _SENT.search(block)):
            self._delays.append(now - float(sent[1]))
        elif self._has_ended:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        for waiting in (self.first, self.over):
            if not waiting.done():
                waiting.set_result(None)
        self.broken |= not self._has_ended or error is not None


async def _read(url: str, token: str, readers: int, jobs: list[str]) -> None:
    address, delays, made = urlsplit(url), array("d"), list[_Reader]()
    turns = asyncio.Semaphore(_OPEN_AT_ONCE)

    async def open_one(job: str) -> None:
        request = (
            f"GET /api/jobs/{job}/stream HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        async with turns:
            _, reader = await asyncio.get_running_loop().create_connection(
                lambda: _Reader(request.encode(), delays), str(address.hostname), address.port or 80
            )
            made.append(reader)
            await reader.first

    await asyncio.gather(*(open_one(jobs[number % len(jobs)]) for number in range(readers)))
    gc.collect()
    gc.freeze()  # so that no pause of this process is taken for the server's
    gc.disable()
    del delays[:]  # what came while they were being opened
    print("open", flush=True)
    await asyncio.gather(*(reader.over for reader in made))
    delays_ms = sorted(delay * 1000 for delay in delays)
    figures = {
        "cpu_seconds": time.process_time(),
        "events": sum(reader.events for reader in made),
        "broken": sum(reader.broken for reader in made),
        "delays_ms": {
            "p50": delays_ms[len(delays_ms) // 2],
            "p99": delays_ms[int(len(delays_ms) * 0.99)],
            "most": delays_ms[-1],
        },
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    uvloop.run(_read(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
