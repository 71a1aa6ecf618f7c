"""A server as it looks after a day of work: tables, rejected rows, a failure, and what waits and what runs."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psutil

from stepmill import samples
from stepmill.client import Client
from tests.cli.processes import Serve
from tests.console.many_jobs import superuser
from tests.support.processes import frozen, worker_of

ENV = "default"
QUIET = {"STEPMILL_DEAD_AFTER_SECONDS": "3600"}
"""Settings of a server whose worker may be stopped in the midst of a load without anybody taking it for dead."""

Ids = dict[str, str]

_AGE = Path(__file__).with_name("grow_old.sql")

_CITIES = ("Lübeck", "Nantes", "Gdańsk", "Malmö", "Trieste", "Porto", "Ghent", "Kraków")
_STATUSES = ("new", "paid", "shipped", "delivered", "returned")
_WRONG = {3: ("amount", "12,3O"), 11: ("ordered_at", "2026-13-07 10:00"), 17: ("amount", "free"), 29: ("weight", "—")}
_DAYS = 12
_ROWS_A_DAY = (200, 900)
_LARGE = 1_500_000


def load_sample(client: Client) -> Ids:
    """Areas with files, tables, plans and jobs. Returns the ids that addresses of screens are made of."""
    countries = samples.airports().with_name("countries.csv").read_bytes()
    regions = samples.airports().with_name("regions.csv").read_bytes()
    _load(client, _area(client, "Countries"), "countries.csv", countries)
    of_regions = _area(client, "Regions")
    _load(client, of_regions, "regions.csv", regions)
    airports = _load(client, _area(client, "Airports"), "airports.csv.gz", samples.airports().read_bytes())
    orders: dict[str, Any] = {}
    of_orders = _area(client, "Orders", load_mode="append")
    for day in range(_DAYS, 0, -1):
        orders = _load(client, of_orders, f"orders_{day}.csv", _orders(day, wrong=day == 1))
    broken = _load(client, of_regions, "regions.csv", regions[: len(regions) // 20])
    later = client.start_job("FILE_ETL", airports["params"], env_id=ENV, run_at=datetime.now(UTC) + timedelta(hours=9))
    stopped = client.start_job("FILE_ETL", orders["params"], env_id=ENV, run_at=datetime.now(UTC) + timedelta(days=1))
    client.cancel_job(stopped["jobId"])
    return {
        "job": orders["jobId"],
        "failed_job": broken["jobId"],
        "waiting_job": later["jobId"],
        "cancelled_job": stopped["jobId"],
        "area": of_orders,
        "file": orders["params"]["fileId"],
        "table": orders["result"]["physId"],
        "wide_table": airports["result"]["physId"],
        "load": orders["result"]["loadId"],
    }


def grow_old(server: Serve) -> None:
    """Put what has finished on a server back in time, job after job over the last hour, as if nobody had hurried."""
    with superuser(server) as conn, conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")  # past the guards: history is not to be changed
        for statement in filter(str.strip, _AGE.read_text().split(";\n")):
            conn.execute(statement.encode())


@contextmanager
def load_under_way(server: Serve, client: Client) -> Iterator[str]:
    """The id of a job in the midst of its load, which stands still while the block runs. The server needs ``QUIET``."""
    area = _area(client, "Measurements")
    file = client.upload_file(ENV, area, gzip.compress(_measurements(), 1), name="measurements.csv.gz")
    job = client.start_job("FILE_ETL", {"areaId": area, "fileId": file["fileId"]}, env_id=ENV)
    worker: psutil.Process = worker_of(server)
    for event in client.stream_job(job["jobId"]):
        if event.kind == "progress" and event.data["step"] == "Transform" and event.data["done"] > _LARGE / 4:
            break
    with frozen(worker):
        yield job["jobId"]
    client.cancel_job(job["jobId"])
    client.wait_for_job(job["jobId"])


def _area(client: Client, name: str, **options: Any) -> str:
    return client.create_area(ENV, name, **options)["areaId"]


def _load(client: Client, area_id: str, name: str, content: bytes) -> dict[str, Any]:
    file = client.upload_file(ENV, area_id, content, name=name)
    job = client.start_job("FILE_ETL", {"areaId": area_id, "fileId": file["fileId"]}, env_id=ENV)
    return dict(client.wait_for_job(job["jobId"]))


def _orders(day: int, *, wrong: bool) -> bytes:
    random = Random(day)
    begin = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) - timedelta(days=day)
    columns = ("order_id", "ordered_at", "customer", "city", "status", "weight", "amount", "gift")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for number in range(random.randrange(*_ROWS_A_DAY)):
        row: dict[str, object] = {
            "order_id": day * 10_000 + number,
            "ordered_at": f"{begin + timedelta(minutes=number * 2.5):%Y-%m-%d %H:%M}",
            "customer": f"C{random.randrange(100, 999)}",
            "city": random.choice(_CITIES),
            "status": random.choice(_STATUSES),
            "weight": f"{random.lognormvariate(0, 0.6):.2f}",
            "amount": f"{random.lognormvariate(3.5, 0.8):.2f}",
            "gift": random.choice(("yes", "no", "no", "")),
        }
        if wrong and number in _WRONG:
            row |= dict([_WRONG[number]])
        writer.writerow(row)
    return text.getvalue().encode()


def _measurements() -> bytes:
    """Many rows, of which every minute of a long time is one."""
    lines = (f"{number},2026-01-{number // 60_000 + 1:02},{number % 977 / 10}\n" for number in range(_LARGE))
    return b"id,measured_on,temperature\n" + "".join(lines).encode()
