"""Files and requests that are wrong: each gets a clear error or accounted rejects, and the server stays as it was."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stepmill.client import Job
from tests.bars.conftest import Figures
from tests.bars.platform import ENV, Platform
from tests.cli.processes import wait_until
from tests.support.processes import compute_children, memory_of, worker_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

MB = 1_000_000
GOOD = b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(1, 1001))


@pytest.fixture(autouse=True)
def unharmed(platform: Platform) -> Iterator[None]:
    """No answer is a 5xx, no worker dies, no table is left half loaded."""
    wait_until(platform.client.workers)
    before = worker_of(platform.serve).pid
    yield
    assert worker_of(platform.serve).pid == before
    log = platform.serve.data_dir.with_suffix(".log").read_text()
    assert [line for line in log.splitlines() if '"status": 5' in line or "Traceback" in line] == []
    assert platform.unaccounted_tables() == []


@dataclass(frozen=True)
class Refused:
    """A file that makes no table, and what the error says."""

    name: str
    data: bytes
    code: str
    says: str


def wide(columns: int) -> bytes:
    """A row of so many columns, which are doubles."""
    header = ",".join(f"c{n}" for n in range(columns))
    return f"{header}\n{','.join(['1.5e3'] * columns)}\n".encode()


REFUSED = [
    Refused("empty.csv", b"", "empty_file", "is empty"),
    Refused("blank.csv", b"\n\n  \n", "empty_file", "is empty"),
    Refused("only_a_header.csv", b"id,name\n", "no_rows", "'id', 'name'"),
    Refused("document.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 99, "not_a_table", "a PDF document"),
    Refused("wide.csv", wide(30_000), "too_many_columns", "30,000"),
    Refused("broken_off.json", b'[{"id": 1}, {"id": 2', "truncated_file", "line 1"),
    Refused("broken_off.csv.gz", gzip.compress(GOOD)[:-200], "truncated_file", "Upload the whole file again"),
]


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.name)
def test_files_that_make_no_table(platform: Platform, file: Refused) -> None:
    area_id = platform.make_area()
    job = platform.load(area_id, file.data, file.name)
    assert job["status"] == "ERROR"
    error: dict[str, Any] = dict(job["error"] or {})
    assert (error["code"], error["retryable"]) == (file.code, False)
    assert file.says in error["message"]
    assert area_id not in [table["owner"]["id"] for table in platform.client.list_tables(ENV, limit=500)["items"]]


REJECTED = [
    ("too_few.csv", GOOD + b"1001\n", [(1002, "name", "too_few_fields")]),
    ("too_many.csv", GOOD + b"a,b,c,1001\n", [(1002, None, "too_many_fields")]),
    ("unclosed.csv", GOOD + b'"open,1001\n', [(1002, "id", "unclosed_quote")]),
    ("nul.csv", GOOD + b"1001,a\x00b\n", [(1002, "name", "nul_character")]),
    ("wrong_value.csv", GOOD + b"many,name\n", [(1002, "id", "bad_integer")]),
    ("huge_value.csv", GOOD + b"1001," + b"x" * 3 * MB + b"\n", [(1002, None, "record_too_large")]),
    ("broken.jsonl", b'{"id": 1}\n' * 1000 + b'{"id": 2\n', [(1001, None, "bad_json")]),
]


@pytest.mark.parametrize(("name", "data", "places"), REJECTED, ids=[name for name, _, _ in REJECTED])
def test_rows_that_are_rejected(
    platform: Platform, name: str, data: bytes, places: list[tuple[int, str | None, str]]
) -> None:
    result = result_of(platform.load(platform.make_area(), data, name))
    assert (result["rowsRead"], result["rowsLoaded"], result["rowsRejected"]) == (1001, 1000, 1)
    rejects = platform.client.list_rejects(ENV, result["loadId"])["items"]
    assert [(each["line"], each["column"], each["code"]) for each in rejects] == places
    assert all(each["reason"] for each in rejects)


@pytest.mark.parametrize("columns", [1400, 10_000])
def test_wide_rows_are_whole(platform: Platform, columns: int) -> None:
    result = result_of(platform.load(platform.make_area(), wide(columns), "wide.csv"))
    (row,) = platform.client.list_rows(ENV, result["physId"])["items"]
    more = row.pop("more_columns")
    assert set(row.values()) == {1500}
    assert {*row, *more} == {f"c{n}" for n in range(columns)}
    assert set(more.values()) == {"1.5e3"}


def test_headers_that_name_nothing_or_twice_or_are_sql(platform: Platform) -> None:
    sql = 'x"; DROP TABLE stepmill.jobs; --'
    quoted = '"' + sql.replace('"', '""') + '"'
    header = ["id", "id", "", "ID", quoted, "Robert'); DROP SCHEMA stepmill CASCADE;--", "_load_id"]
    rows = [",".join(str(n * 10 + column) for column in range(7)) for n in range(3)]
    result = result_of(platform.load(platform.make_area(), "\n".join([",".join(header), *rows, ""]).encode()))
    columns = [each["logicalName"] for each in platform.client.get_table(ENV, result["physId"])["columns"]]
    assert len(set(columns)) == 7
    assert columns[0] == "id"
    assert sql in columns
    first = platform.client.list_rows(ENV, result["physId"], limit=1)["items"][0]
    assert list(first.values()) == list(range(7))


def test_a_quote_that_is_never_closed_in_a_large_file(platform: Platform, big_files: Path, figures: Figures) -> None:
    """What comes after it is read as rows again, and memory does not grow with it."""
    path = big_files / "unclosed.csv"
    with path.open("wb") as file:
        file.write(b"id,name\n")
        for start in range(0, 3 * MB, MB // 10):
            file.write(b"".join(b"%d,name of number %d\n" % (n, n) for n in range(start, start + MB // 10)))
        file.write(b'"open,9999999\n')
    area_id = platform.make_area()
    job_id = platform.start(area_id, platform.upload(area_id, path))
    peak = 0
    for _ in platform.client.stream_job(job_id):
        children = compute_children(worker_of(platform.serve))
        peak = max([peak, *(memory_of(child).rss for child in children)])
    result = result_of(platform.client.get_job(job_id))
    figures(f"{path.stat().st_size / MB:.0f} MB with a quote unclosed at its end: {peak / MB:.0f} MB in a child")
    assert (result["rowsLoaded"], result["rowsRejected"]) == (3 * MB, 1)
    reject = platform.client.list_rejects(ENV, result["loadId"])["items"][0]
    assert (reject["line"], reject["code"]) == (3 * MB + 2, "unclosed_quote")


REQUESTS: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"type": "NO_SUCH", "envId": ENV, "params": {}}, 422, "unknown_job_type", "/type"),
    ({"type": "FILE_ETL", "envId": ENV, "params": {}}, 422, "invalid_params", "/params/fileId"),
    (
        {"type": "FILE_ETL", "envId": ENV, "params": {"fileId": 7, "areaId": "a"}},
        422,
        "invalid_params",
        "/params/fileId",
    ),
    (
        {"type": "FILE_ETL", "envId": ENV, "params": {"fileId": "f", "areaId": "a", "more": 1}},
        422,
        "invalid_params",
        "/params/more",
    ),
    (
        {"type": "FILE_ETL", "envId": ENV, "params": {"fileId": "f", "areaId": "a", "envId": "other"}},
        422,
        "invalid_params",
        "/params/envId",
    ),
    (
        {"type": "FILE_ETL", "envId": ENV, "params": {"fileId": "a\u0000b", "areaId": "a"}},
        422,
        "invalid_request",
        "/params/fileId",
    ),
]


def test_requests_that_submit_nothing(platform: Platform, subtests: pytest.Subtests) -> None:
    with http(platform) as client:
        for body, status, code, pointer in REQUESTS:
            with subtests.test(body=body):
                problem = client.post("/api/jobs", json=body)
                assert (problem.status_code, problem.json()["code"]) == (status, code)
                assert pointer in [each["pointer"] for each in problem.json()["errors"]]
        for text in (b"", b"{", b'{"type": "FILE_ETL", "type": "FILE_ETL"}', b"\xff\xfe"):
            with subtests.test(text=text):
                problem = client.post("/api/jobs", content=text, headers={"Content-Type": "application/json"})
                assert (problem.status_code, problem.json()["code"]) == (400, "unreadable_json")


def test_a_body_of_100_mb_is_refused(platform: Platform) -> None:
    body = json.dumps({"type": "FILE_ETL", "envId": ENV, "params": {"fileId": "x" * 100 * MB}}).encode()
    with http(platform) as client:
        try:
            answer = client.post("/api/jobs", content=body, headers={"Content-Type": "application/json"})
        except httpx.TransportError:  # closed in the middle of the body, as a server may
            pass
        else:
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert client.get("/readyz").status_code == 200


def test_a_file_or_an_area_that_is_not_there(platform: Platform) -> None:
    area_id = platform.make_area()
    file_id = platform.upload(platform.make_area(), GOOD)
    for area, file, code in [
        (area_id, "file_nowhere", "file_not_found"),
        ("area_nowhere", file_id, "area_not_found"),
        (area_id, file_id, "file_not_found"),  # it is in another area
    ]:
        job = platform.client.wait_for_job(platform.start(area, file))
        assert job["status"] == "ERROR"
        assert job["error"] is not None
        assert job["error"]["code"] == code


def http(platform: Platform) -> httpx.Client:
    """A client that sends what it is told to."""
    headers = {"Authorization": f"Bearer {platform.serve.token}"}
    return httpx.Client(base_url=platform.serve.url, headers=headers, trust_env=False, timeout=60)


def result_of(job: Job) -> dict[str, Any]:
    """A finished load's result."""
    assert job["status"] == "DONE", job["error"]
    return dict(job["result"] or {})
