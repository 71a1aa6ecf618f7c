"""One area that is loaded over and over, looked at after each load."""

import threading
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.checksums import checksum_of_files, checksum_of_table, columns_of

from soak.deployment import Deployment
from soak.patience import LOST_SECONDS, ROUND_SECONDS, Patient, Violation, looking, patiently
from soak.say import Say
from soak.tables import HEADER, Made, Model, make_file
from stepmill.client import Client, Job, LoadMode

ENV = "default"
VIEWS = "env_default"
_KEYS: dict[LoadMode, list[str]] = {"upsert": ["id"], "replacePartition": ["at"]}
_CANCELLED_SHARE = 0.15


@dataclass
class Area:
    """Loads into one table, one after the other, in a thread of its own."""

    deployment: Deployment
    mode: LoadMode
    random: Random
    say: Say
    ending: threading.Event
    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was accepted, with the lines that each file has."""

    def run(self) -> None:
        """Load until the end is near. Raises :class:`Violation`."""
        self.model = Model(self.mode)
        with Patient(self.deployment) as patient:
            key = {"key_columns": _KEYS[self.mode]} if self.mode in _KEYS else {}
            area_id = patient.call(lambda client: _area(client, f"soak {self.mode}", self.mode, key))
            while not self.ending.is_set():
                self._load_once(patient, area_id)

    def _load_once(self, patient: Patient, area_id: str) -> None:
        file = make_file(self.deployment.folder, self.model, self.random)
        file_id = patient.call(lambda client: client.upload_file(ENV, area_id, file.path, name=file.name)["fileId"])
        key = f"soak-{self.random.getrandbits(64):x}"
        params = {"areaId": area_id, "fileId": file_id, "allowSmall": True}
        began = time.monotonic()
        started = patient.call(
            lambda client: client.start_job("FILE_ETL", params, env_id=ENV, idempotency_key=key, max_attempts=100)
        )
        self.accepted[started["jobId"]] = {"type": "FILE_ETL", "read": len(file.rows) + file.wrong, "wrong": file.wrong}
        job = self._done(patient, started["jobId"], cancel=self.random.random() < _CANCELLED_SHARE)
        self.model.load(file)
        self._check(job, file)
        file.path.unlink()
        took = time.monotonic() - began
        self.say(f"{self.mode}: {len(file.rows):,} rows in {took:.1f} s, attempt {job['attempt']}, all as it should be")

    def _done(self, patient: Patient, job_id: str, *, cancel: bool) -> Job:
        """The job once it is DONE. One that is cancelled, sooner or later, is tried again."""
        deadline = float("inf")
        cancel_at = time.monotonic() + self.random.uniform(0, 3) if cancel else float("inf")
        while True:
            job = patient.call(lambda client: client.get_job(job_id))
            if job["status"] == "DONE":
                return job
            if job["status"] == "CANCELLED":
                patient.try_to(lambda client: client.retry_job(job_id))
            elif job["status"] == "ERROR":
                raise Violation(f"{self.mode}: job {job_id} ended in {job['status']}: {job['error']}")
            elif time.monotonic() > cancel_at:
                cancel_at = float("inf")
                patient.try_to(lambda client: client.cancel_job(job_id))
            if self.ending.is_set():
                deadline = min(deadline, time.monotonic() + LOST_SECONDS)
            if time.monotonic() > deadline:
                raise Violation(f"{self.mode}: job {job_id} is not at rest: {job}")
            time.sleep(ROUND_SECONDS)

    def _check(self, job: Job, file: Made) -> None:
        """The account of the load, and the whole table."""
        result: dict[str, Any] = dict(job["result"] or {})
        read = result["rowsLoaded"] + result["rowsRejected"] + result["rowsFiltered"] + result["rowsDeduplicated"]
        if (result["rowsRead"], read) != (len(file.rows) + file.wrong,) * 2 or result["rowsRejected"] != file.wrong:
            raise Violation(f"{self.mode}: job {job['jobId']} does not balance: {result}, wrong lines: {file.wrong}")
        self._result = result
        self.check_table()

    def check_table(self) -> None:
        """The whole table, as it is now. Raises :class:`Violation`."""
        if self.model.loads:
            patiently(lambda: self._check_table(self._result))

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


def _area(client: Client, name: str, mode: LoadMode, key: dict[str, Any]) -> str:
    """The area, made now or by a call whose answer was lost."""
    for area in client.list_areas(ENV, limit=500)["items"]:
        if area["name"] == name:
            return area["areaId"]
    return client.create_area(ENV, name, load_mode=mode, **key)["areaId"]
