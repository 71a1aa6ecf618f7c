"""Params are of exactly the types that their published schema says: JSON has texts, numbers and booleans of its own."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import Field

from stepmill.engine import EnvParams, JobType, Output, Step, StepContext
from stepmill.gateways.sql.database import Database
from stepmill.jobs import file_etl
from tests.support.api import make_api
from tests.support.engine import Bench
from tests.support.problems import assert_problem


class Colour(StrEnum):
    RED = "red"


class TypedParams(EnvParams):
    flag: bool = False
    count: int = 0
    share: float = 0.0
    text: str = ""
    day: date = date(2026, 1, 1)
    id: UUID = UUID(int=0)
    colour: Colour = Colour.RED
    price: Decimal = Decimal(0)
    days: tuple[date, ...] = ()
    limits: dict[str, int] = Field(default_factory=dict)


async def _nothing(ctx: StepContext[TypedParams]) -> Output:
    return Output()


TYPED = JobType("TYPED", "Params of every kind.", TypedParams, (Step("Only", _nothing),))


@pytest.fixture
async def client(database: Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    bench = Bench(database, tmp_path, (TYPED, file_etl.JOB_TYPE))
    async with bench.started(), make_api(bench).client() as client:
        yield client


async def submit(client: httpx.AsyncClient, job_type: str, **params: Any) -> httpx.Response:
    return await client.post("/api/jobs", json={"type": job_type, "envId": "default", "params": params})


WRONG: list[tuple[str, Any, str]] = [
    *(("flag", value, "/params/flag") for value in ("yes", "true", "1", 1, 0, 1.0)),
    *(("count", value, "/params/count") for value in ("1", True, 1.5, "one")),
    *(("share", value, "/params/share") for value in ("0.5", True)),
    *(("text", value, "/params/text") for value in (1, True, ["a"])),
    *(("day", value, "/params/day") for value in (0, 20260101, "1.1.2026")),
    ("id", 5, "/params/id"),
    ("colour", "blue", "/params/colour"),
    ("price", True, "/params/price"),
    ("days", ["2026-01-01", 5], "/params/days/1"),
    ("limits", {"a": "1"}, "/params/limits/a"),
]


async def test_params_of_another_type(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for name, value, pointer in WRONG:
        with subtests.test(name=name, value=value):
            problem = assert_problem(await submit(client, "TYPED", **{name: value}), 422, "invalid_params")
            assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert (await client.get("/api/jobs")).json() == {"items": []}


async def test_params_of_their_types(client: httpx.AsyncClient) -> None:
    params = {
        "flag": True,
        "count": 3,
        "share": 1,
        "text": "1",
        "day": "2026-01-31",
        "id": "12345678-1234-5678-1234-567812345678",
        "colour": "red",
        "price": "12.50",
        "days": ["2026-01-31"],
        "limits": {"a": 1},
    }
    answer = await submit(client, "TYPED", **params)
    assert answer.status_code == 201
    assert answer.json()["params"] == {**params, "share": 1.0, "envId": "default", "tenantId": "local"}


async def test_file_etl_takes_booleans_only_as_such(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for value in ("yes", "true", "1", 1, 1.0, None):
        with subtests.test(value=value):
            answer = await submit(client, "FILE_ETL", fileId="f", areaId="a", allowSmall=value)
            problem = assert_problem(answer, 422, "invalid_params")
            assert [error["pointer"] for error in problem["errors"]] == ["/params/allowSmall"]
    assert (await submit(client, "FILE_ETL", fileId="f", areaId="a", allowSmall=True)).status_code == 201
