"""The contract by curl alone: every name that clients and the console rely on."""

import json
import re
import subprocess
from typing import Any

import pytest

from stepmill import samples
from tests.bars.platform import ENV, Platform
from tests.cli.processes import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def names(text: str) -> set[str]:
    """Names, by space."""
    return set(text.split())


JOB = names(
    "jobId type status waiting envId tenantId params steps result error attempt maxAttempts priority "
    "progress cancelRequestedAt createdAt runAt startedAt finishedAt createdBy"
)
STEP = names("name status attempt startedAt finishedAt progress output error")
PROGRESS = names("done total unit message")
RESULT = names(
    "physId logicalName loadId planVersion rowsRead rowsLoaded rowsRejected rowsFiltered rowsDeduplicated bytesRead"
)
FILE = names("fileId areaId name bytes sha256 format createdAt")
PREVIEW = names("format encoding delimiter quote headerRows preambleRows recordsPath sheet columns rows warnings")
TABLE = names("physId logicalName owner columns rows bytes timeColumn timeSeries planVersion lastLoadAt")
COLUMN = names("name logicalName type nullable")
LOAD = names(
    "loadId jobId attempt mode planVersion rowsRead rowsLoaded rowsRejected rowsFiltered rowsDeduplicated "
    "startedAt finishedAt"
)
REJECT = names("line column reason code raw")
WORKER = names("workerId host pid version types runningJobs memoryBytes startedAt lastSeenAt")
PROBLEM = names("type title status code detail")

CITIES = "id,city,founded\n" + "".join(f"{n},City {n},19{n % 90 + 10}-01-02\n" for n in range(1, 200)) + "Trier,200\n"


class Curl:
    """curl, as one types it."""

    def __init__(self, platform: Platform) -> None:
        self._base = f"{platform.serve.url}/api"
        self._token = platform.serve.token

    def __call__(self, path: str, *arguments: str, status: int = 200, data: object = None) -> Any:
        """Call and give the JSON of the answer, which must have the status."""
        body = [] if data is None else ["-H", "Content-Type: application/json", "-d", json.dumps(data)]
        text = self.text(path, "-w", "\n%{http_code}", *body, *arguments)
        answer, _, code = text.rpartition("\n")
        assert int(code) == status, answer
        return json.loads(answer) if answer else None

    def text(self, path: str, *arguments: str, stdin: str | None = None) -> str:
        """Call and give what curl prints."""
        command = ["curl", "-sS", f"{self._base}{path}", "-H", f"Authorization: Bearer {self._token}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, input=stdin).stdout


@pytest.fixture
def curl(platform: Platform) -> Curl:
    return Curl(platform)


def test_a_file_becomes_a_table(curl: Curl, platform: Platform) -> None:
    environment = f"/envs/{ENV}"
    area = curl(f"{environment}/areas", data={"name": "Cities by curl"}, status=201)
    assert {"areaId", "name"} <= set(area)
    upload = curl.text(
        f"{environment}/areas/{area['areaId']}/files?name=cities.csv", "--data-binary", "@-", stdin=CITIES
    )
    file = json.loads(upload)
    assert set(file) >= FILE
    assert curl(f"{environment}/files/{file['fileId']}") == file | {"lastLoad": None}
    assert set(curl(f"{environment}/files/{file['fileId']}/preview?limit=5")) >= PREVIEW

    params = {"fileId": file["fileId"], "areaId": area["areaId"]}
    job = curl("/jobs", data={"type": "FILE_ETL", "envId": ENV, "params": params}, status=201)
    assert set(job) >= JOB
    assert [step["name"] for step in job["steps"]] == ["Extract", "Transform", "Load"]
    stream = curl.text(f"/jobs/{job['jobId']}/stream", "-N")
    events = re.findall(r"^id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n", stream, re.MULTILINE)
    assert events[0][1] == "snapshot"
    assert set(json.loads(events[0][2])) >= JOB
    assert events[-1][1] == "end"
    assert {event for _, event, _ in events} <= {"snapshot", "status", "step", "progress", "log", "end"}
    assert (
        curl.text(
            f"/jobs/{job['jobId']}/stream",
            "-H",
            f"Last-Event-ID: {events[-1][0]}",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
        )
        == "204"
    )

    job = curl(f"/jobs/{job['jobId']}")
    assert job["status"] == "DONE", job["error"]
    assert all(set(step) >= STEP for step in job["steps"])
    assert set(job["steps"][1]["progress"]) >= PROGRESS
    result = job["result"]
    assert set(result) >= RESULT
    assert (result["rowsRead"], result["rowsLoaded"], result["rowsRejected"]) == (200, 199, 1)
    stored = curl(f"/jobs/{job['jobId']}/events?limit=500")["items"]
    assert [str(each["id"]) for each in stored][-len(events) + 1 :] == [number for number, _, _ in events[1:]]

    table_path = f"{environment}/tables/{result['physId']}"
    table = curl(table_path)
    assert set(table) >= TABLE
    assert table["owner"] == {"kind": "area", "id": area["areaId"]}
    assert all(set(column) >= COLUMN for column in table["columns"])
    assert "kind" in table["timeSeries"]
    assert result["physId"] in [each["physId"] for each in curl(f"{environment}/tables?limit=500")["items"]]
    rows = curl(f"{table_path}/rows?limit=2")
    assert rows["items"][0] == {"id": 1, "city": "City 1", "founded": "1911-01-02"}
    assert "nextCursor" in rows
    loads = curl(f"{table_path}/loads")["items"]
    assert [load["loadId"] for load in loads] == [result["loadId"]]
    assert set(loads[0]) >= LOAD
    assert loads[0]["jobId"] == job["jobId"]

    rejects = curl(result["rejectsUrl"].removeprefix("/api"))["items"]
    assert [(each["line"], each["column"]) for each in rejects] == [(201, "founded")]
    assert set(rejects[0]) >= REJECT
    as_csv = curl.text(f"{environment}/loads/{result['loadId']}/rejects?format=csv").splitlines()
    assert set(as_csv[0].split(",")) >= REJECT
    assert as_csv[1].startswith("201,founded,")
    assert curl(f"{environment}/areas/{area['areaId']}/plan")["columns"]


def test_a_file_is_uploaded_as_a_form(curl: Curl) -> None:
    area = curl(f"/envs/{ENV}/areas", data={"name": "By a form", "loadMode": "append"}, status=201)
    path = f"/envs/{ENV}/areas/{area['areaId']}/files"
    first = curl(path, "-F", f"file=@{samples.airports()}", status=201)
    assert first["name"] == "airports.csv.gz"
    again = curl(path, "-F", f"file=@{samples.airports()}", status=201)
    assert again["duplicateOf"] == first["fileId"]


def test_what_runs_and_what_can_run(curl: Curl, platform: Platform) -> None:
    wait_until(platform.client.workers)
    worker = curl("/workers")["items"][0]
    assert set(worker) >= WORKER
    types = {each["type"]: each for each in curl("/job-types")["items"]}
    assert set(types["FILE_ETL"]) >= {"type", "description", "paramsSchema", "steps"}
    assert set(curl("/stats")["items"][0]) >= {"submitted", "finished", "queueDepth", "rowsLoaded"}


def test_errors_are_problems(curl: Curl) -> None:
    for path, arguments, status, code in [
        ("/jobs/job_nowhere", [], 404, "job_not_found"),
        ("/jobs", ["-d", "{", "-H", "Content-Type: application/json"], 400, None),
        ("/jobs", ["-d", "{}", "-H", "Content-Type: text/plain"], 415, "unsupported_media_type"),
    ]:
        problem = curl(path, *arguments, status=status)
        assert set(problem) >= PROBLEM
        assert problem["status"] == status
        assert code in (None, problem["code"])
    unknown = curl("/jobs", data={"type": "NOTHING", "envId": ENV, "params": {}}, status=422)
    assert unknown["code"] == "unknown_job_type"
    wrong = curl("/jobs", data={"type": "FILE_ETL", "envId": ENV, "params": {"extra": 1}}, status=422)
    assert wrong["code"] == "invalid_params"
    assert {"/params/fileId", "/params/areaId", "/params/extra"} <= {each["pointer"] for each in wrong["errors"]}
    assert all(set(each) == {"pointer", "message"} for each in wrong["errors"])
