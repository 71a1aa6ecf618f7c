"""How fast many small files become one table: 1,000 of 10 to 1,000 rows in one area, from submit to the last DONE."""

import asyncio
import time
from pathlib import Path
from random import Random

from bench.make_csv import write_csv
from bench.report import Row, at_least
from bench.served_folder import served_folder
from stepmill.client import Client

FILES = 1_000
TITLE = f"{FILES:,} files of 10 to 1,000 rows in one area"
FILES_BAR = 60.0

_ENV = "default"
_OPEN = "PENDING,RUNNING"
_LOOK_SECONDS = 0.2
_WARMED = 20
"""Files of another area before: the first load of a server starts what is kept for the later ones."""


async def measure_rows() -> list[Row]:
    """The figures as a table."""
    return await asyncio.to_thread(_measure)


def _measure() -> list[Row]:
    with served_folder() as (server, folder), server.connect() as client:
        _load(client, folder, "first", _WARMED)
        uploading, loading, rows = _load(client, folder, "events", FILES)
    return [
        Row("uploads a second, one by one", f"{FILES / uploading:.0f}"),
        at_least("files a second, from submit to the last DONE", FILES / loading, FILES_BAR),
        Row("rows a second", f"{rows / loading:,.0f}"),
    ]


def _load(client: Client, folder: Path, name: str, count: int) -> tuple[float, float, int]:
    """Seconds of the uploads, seconds of the loads, and the rows that are there then."""
    area = client.create_area(_ENV, name)["areaId"]
    sizes = [Random(number).randrange(10, 1_001) for number in range(count)]
    paths = [_written(folder / f"{number}.csv", rows) for number, rows in enumerate(sizes)]
    began = time.perf_counter()
    files = [client.upload_file(_ENV, area, path)["fileId"] for path in paths]
    uploading = time.perf_counter() - began
    done = client.count_jobs(status="DONE")["total"]
    began = time.perf_counter()
    client.start_jobs(
        [{"type": "FILE_ETL", "envId": _ENV, "params": {"fileId": file, "areaId": area}} for file in files]
    )
    while client.count_jobs(status=_OPEN)["total"]:
        time.sleep(_LOOK_SECONDS)
    loading = time.perf_counter() - began
    assert client.count_jobs(status="DONE")["total"] == done + count
    table = next(table for table in client.list_tables(_ENV)["items"] if table["logicalName"] == name)
    assert table["rows"] == sum(sizes), (table["rows"], sum(sizes))
    return uploading, loading, sum(sizes)


def _written(file: Path, rows: int) -> Path:
    write_csv(file, rows)
    return file
