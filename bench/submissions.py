"""How fast jobs are accepted over HTTP: one by one, and a thousand in one request.

The answer has every job, as the contract asks, so reading it is part of the time.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable

import httpx
import orjson

from bench.api_process import api_process
from bench.report import Row, at_least
from bench.server import migrated_server

TITLE = "Submitting jobs over HTTP, to one api process"
BATCH_BAR = 5_000.0

_BATCH = 1_000
_BATCHES = 15
_SINGLES = 400
_ROUNDS = 3
_JOB = {"type": "BARS_WORK", "envId": "default", "params": {"seconds": 0}}


async def measure_rows() -> list[Row]:
    """The figures as a table."""
    async with migrated_server() as (url, folder), api_process(url, folder) as client:
        await _batches(client, 3)
        one, two, single, many = [], [], [], []
        for _ in range(_ROUNDS):
            one.append(await _rate(_BATCH * _BATCHES, _batches(client, _BATCHES)))
            half = _batches(client, _BATCHES), _batches(client, _BATCHES)
            two.append(await _rate(_BATCH * _BATCHES * 2, *half))
            single.append(await _rate(_SINGLES, _singles(client, _SINGLES)))
            many.append(await _rate(_SINGLES * 8, *(_singles(client, _SINGLES) for _ in range(8))))
    best = max((one, two), key=statistics.median)
    return [
        Row(f"{_BATCH:,} in a request, one request at a time", _show(one)),
        Row(f"{_BATCH:,} in a request, two at a time", _show(two)),
        at_least("the better of the two, median", statistics.median(best), BATCH_BAR, " jobs/s"),
        Row("one by one", _show(single)),
        Row("one in a request, eight at a time", _show(many)),
    ]


def _show(rates: list[float]) -> str:
    return f"{statistics.median(rates):,.0f} jobs/s  (rounds: {', '.join(f'{rate:,.0f}' for rate in rates)})"


async def _rate(jobs: int, *ways: Awaitable[None]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*ways)
    return jobs / (time.perf_counter() - began)


async def _batches(client: httpx.AsyncClient, count: int) -> None:
    body = orjson.dumps({"jobs": [_JOB] * _BATCH})
    for _ in range(count):
        answer = await client.post("/api/jobs/batch", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 201, answer.text
        assert answer.content.count(b'"jobId":') == _BATCH


async def _singles(client: httpx.AsyncClient, count: int) -> None:
    for _ in range(count):
        answer = await client.post("/api/jobs", json=_JOB)
        assert answer.status_code == 201, answer.text
