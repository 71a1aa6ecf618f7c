"""How fast an upsert is of which half the keys are there, beside a load of the same file that replaces all rows."""

import asyncio
import statistics
import time
from pathlib import Path

from bench.make_csv import write_csv
from bench.report import Row, at_least
from bench.served_folder import served_folder
from stepmill.client import Client, LoadMode

ROWS = 1_000_000
TITLE = f"An upsert of {ROWS:,} rows, half of whose keys are there"
REPLACE_BAR = 0.5

_ENV = "default"
_ROUNDS = 3


async def measure_rows() -> list[Row]:
    """The figures as a table."""
    return await asyncio.to_thread(_measure)


def _measure() -> list[Row]:
    with served_folder() as (server, folder), server.connect() as client:
        first, second = folder / "first.csv", folder / "second.csv"
        write_csv(first, ROWS)
        write_csv(second, ROWS, begin=ROWS // 2)
        _loads(client, "warm", "replace", first, first)
        rounds = [
            (_loads(client, f"a{n}", "replace", first, second), _loads(client, f"b{n}", "upsert", first, second))
            for n in range(_ROUNDS)
        ]
    ratio = statistics.median(replaced / upserted for replaced, upserted in rounds)
    return [
        Row("seconds, replace / upsert", "  ".join(f"{replaced:.2f}/{upserted:.2f}" for replaced, upserted in rounds)),
        at_least("upsert to replace, rows a second", ratio, REPLACE_BAR),
    ]


def _loads(client: Client, name: str, mode: LoadMode, first: Path, second: Path) -> float:
    """Seconds of the second load, from submit to DONE."""
    keys = ["id"] if mode == "upsert" else []
    area = client.create_area(_ENV, name, load_mode=mode, key_columns=keys)["areaId"]
    _load(client, area, first)
    seconds = _load(client, area, second)
    table = next(table for table in client.list_tables(_ENV)["items"] if table["logicalName"] == name)
    assert table["rows"] == (ROWS * 3 // 2 if mode == "upsert" and first != second else ROWS), table["rows"]
    return seconds


def _load(client: Client, area: str, file: Path) -> float:
    uploaded = client.upload_file(_ENV, area, file)
    began = time.perf_counter()
    job = client.start_job("FILE_ETL", {"fileId": uploaded["fileId"], "areaId": area}, env_id=_ENV)
    job = client.wait_for_job(job["jobId"])
    seconds = time.perf_counter() - began
    assert job["status"] == "DONE", job["error"]
    client.delete_file(_ENV, uploaded["fileId"], rows="keep")
    return seconds
