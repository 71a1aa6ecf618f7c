"""One area that is loaded over and over, looked at after each load."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import psycopg
from tests.support.checksums import Connection, checksum_of_files, checksum_of_table, columns_of

from soak.deployment import Deployment
from soak.say import Say
from soak.tables import HEADER, Made, Model, make_file
from stepmill.client import Client, Job, LoadMode
from stepmill.errors import StepmillError, UnavailableError

ENV = "default"
VIEWS = "env_default"
_LOST_SECONDS = 180.0
"""A job that is not at rest so long after it was submitted counts as lost. Faults end sooner."""
_CANCELLED_SHARE = 0.15
_ROUND_SECONDS = 0.25


class Violation(Exception):  # noqa: N818  (it is what was found, not what went wrong here)
    """A promise that was not kept."""


@dataclass
class Area:
    """Loads into one table, one after the other, in a thread of its own."""

    deployment: Deployment
    mode: LoadMode
    random: Random
    say: Say
    ending: threading.Event
    jobs: list[str] = field(default_factory=list)
    phys_id: str | None = None

    def run(self) -> None:
        """Load until the end is near. Raises :class:`Violation`."""
        self.model = Model(self.mode)
        with self.deployment.connect() as client:
            key = {"key_columns": ["id"]} if self.mode == "upsert" else {}
            area_id = patiently(lambda: _area(client, f"soak {self.mode}", self.mode, key))
            while not self.ending.is_set():
                self._load_once(client, area_id)

    def _load_once(self, client: Client, area_id: str) -> None:
        file = make_file(self.deployment.folder, self.model, self.random)
        file_id = patiently(lambda: client.upload_file(ENV, area_id, file.path, name=file.name)["fileId"])
        key = f"soak-{self.random.getrandbits(64):x}"
        params = {"areaId": area_id, "fileId": file_id, "allowSmall": True}
        began = time.monotonic()
        job_id = patiently(
            lambda: client.start_job("FILE_ETL", params, env_id=ENV, idempotency_key=key, max_attempts=100)["jobId"]
        )
        self.jobs.append(job_id)
        job = self._at_rest(client, job_id, cancel=self.random.random() < _CANCELLED_SHARE)
        self.model.load(file)
        self._check(job, file)
        file.path.unlink()
        took = time.monotonic() - began
        self.say(f"{self.mode}: {len(file.rows):,} rows in {took:.1f} s, attempt {job['attempt']}, all as it should be")

    def _at_rest(self, client: Client, job_id: str, *, cancel: bool) -> Job:
        """The job once it is DONE. One that is cancelled, sooner or later, is tried again."""
        deadline = time.monotonic() + _LOST_SECONDS
        cancel_at = time.monotonic() + self.random.uniform(0, 3) if cancel else float("inf")
        while True:
            job: Job = patiently(lambda: client.get_job(job_id))
            if job["status"] == "DONE":
                return job
            if job["status"] == "CANCELLED":
                _whatever(lambda: client.retry_job(job_id))
            elif job["status"] == "ERROR":
                raise Violation(f"{self.mode}: job {job_id} ended in {job['status']}: {job['error']}")
            elif time.monotonic() > cancel_at:
                cancel_at = float("inf")
                _whatever(lambda: client.cancel_job(job_id))
                self.say(f"{self.mode}: cancelled, to be tried again")
            if time.monotonic() > deadline:
                raise Violation(f"{self.mode}: job {job_id} is {job['status']} after {_LOST_SECONDS:.0f} s: {job}")
            time.sleep(_ROUND_SECONDS)

    def _check(self, job: Job, file: Made) -> None:
        """The account of the load, and the whole table."""
        result: dict[str, Any] = dict(job["result"] or {})
        read = result["rowsLoaded"] + result["rowsRejected"] + result["rowsFiltered"] + result["rowsDeduplicated"]
        if (result["rowsRead"], read) != (len(file.rows) + file.wrong,) * 2 or result["rowsRejected"] != file.wrong:
            raise Violation(f"{self.mode}: job {job['jobId']} does not balance: {result}, wrong lines: {file.wrong}")
        self.phys_id = result["physId"]
        patiently(lambda: self._check_table(result))

    def _check_table(self, result: dict[str, Any]) -> None:
        expected = self.deployment.folder / f"expected {self.mode}.csv"
        expected.write_text(HEADER + "".join(self.model.rows()))
        name = result["logicalName"]
        with looking(self.deployment) as conn:
            columns = columns_of(conn, VIEWS, name)
            real, wanted = checksum_of_table(conn, VIEWS, name, columns), checksum_of_files(conn, [expected], columns)
            loads = conn.execute(
                "SELECT count(*), count(DISTINCT job_id) FROM load_ledger WHERE phys_id = %s", (result["physId"],)
            ).fetchone()
        if real != wanted:
            raise Violation(f"{self.mode}: the table {name!r} has {real} and not {wanted}")
        if loads != (self.model.loads, self.model.loads):
            raise Violation(f"{self.mode}: the ledger has {loads} for {self.model.loads} loads")


@contextmanager
def looking(deployment: Deployment) -> Iterator[Connection]:
    """A superuser's connection."""
    url = deployment.postgres.superuser_url
    with psycopg.connect(url, dbname="stepmill", application_name="soak", autocommit=True) as conn:
        conn.execute("SET search_path = stepmill; SET timezone = 'UTC'")
        yield conn


def patiently(call: Any) -> Any:
    """Call again while the api or PostgreSQL is away: that is no violation."""
    deadline = time.monotonic() + _LOST_SECONDS
    while True:
        try:
            return call()
        except (httpx.TransportError, UnavailableError, psycopg.OperationalError):
            if time.monotonic() > deadline:
                raise
        time.sleep(_ROUND_SECONDS)


def _whatever(call: Any) -> None:
    """Call; it may come too late."""
    try:
        patiently(call)
    except StepmillError as error:
        if error.code not in ("not_cancellable", "not_retryable"):
            raise


def _area(client: Client, name: str, mode: LoadMode, key: dict[str, Any]) -> str:
    """The area, made now or by a call whose answer was lost."""
    for area in client.list_areas(ENV, limit=500)["items"]:
        if area["name"] == name:
            return area["areaId"]
    return client.create_area(ENV, name, load_mode=mode, **key)["areaId"]
