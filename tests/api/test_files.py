"""Areas and uploads, over HTTP."""

import asyncio
import bz2
import contextlib
import gzip
import hashlib
import lzma
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.api import TOKEN, Api, bearer
from tests.support.problems import assert_problem
from tests.support.workbooks import OLD_EXCEL, document_row, excel, open_document

AREAS = "/api/envs/default/areas"
CSV = b"a;b\n1;2\n"


@pytest.fixture
async def area(client: httpx.AsyncClient) -> str:
    response = await client.post(AREAS, json={"name": "Orders"})
    area_id: str = response.json()["areaId"]
    return area_id


def stored(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_areas(client: httpx.AsyncClient) -> None:
    made = await client.post(AREAS, json={"name": "Orders"})

    assert made.status_code == 201
    area = made.json()
    assert (area["name"], area["loadMode"], area["keyColumns"]) == ("Orders", "replaceFile", [])
    assert made.headers["location"] == f"{AREAS}/{area['areaId']}"
    assert (await client.get(f"{AREAS}/{area['areaId']}")).json() == area
    assert_problem(await client.post(AREAS, json={"name": "Orders"}), 409, "name_taken")
    second = (await client.post(AREAS, json={"name": "Other", "loadMode": "append"})).json()
    page = (await client.get(f"{AREAS}?limit=1")).json()
    assert page["items"] == [area]
    assert (await client.get(AREAS, params={"cursor": page["nextCursor"]})).json() == {"items": [second]}

    path = f"{AREAS}/{second['areaId']}"
    changed = await client.patch(path, json={"loadMode": "upsert", "keyColumns": ["id"]})
    assert (changed.json()["loadMode"], changed.json()["keyColumns"]) == ("upsert", ["id"])
    assert changed.json()["name"] == "Other"
    assert_problem(await client.patch(path, json={"name": "Orders"}), 409, "name_taken")
    assert_problem(await client.patch(path, json={"keyColumns": []}), 422)
    assert (await client.delete(path)).status_code == 204
    assert_problem(await client.get(path), 404, "area_not_found")
    assert_problem(await client.delete(path), 404)


async def test_what_areas_have(client: httpx.AsyncClient, area: str) -> None:
    other = (await client.post(AREAS, json={"name": "Other orders"})).json()
    assert (other["files"], other["bytes"], other["planVersion"]) == (0, 0, None)
    for name in ("a.csv", "b.csv"):
        await client.post(f"{AREAS}/{area}/files?name={name}", content=CSV)
    plan = {
        "source": {"format": "csv", "delimiter": ";", "headerRows": 1, "columns": ["a"]},
        "columns": [{"name": "a", "type": "text", "source": "a"}],
    }
    for version in (1, 2):
        assert (await client.put(f"{AREAS}/{area}/plan", json=plan)).json()["version"] == version
    first, second = (await client.get(AREAS)).json()["items"]
    assert (first["files"], first["bytes"], first["planVersion"]) == (2, 2 * len(CSV), 2)
    assert second == other
    assert (await client.get(f"{AREAS}/{area}")).json() == first
    assert (await client.patch(f"{AREAS}/{area}", json={"loadMode": "append"})).json()["files"] == 2


async def test_areas_by_name(client: httpx.AsyncClient, area: str) -> None:
    for name in ("Other orders", "Customers", "100%"):
        await client.post(AREAS, json={"name": name})

    async def names(**query: str) -> list[str]:
        return [item["name"] for item in (await client.get(AREAS, params=query)).json()["items"]]

    assert await names(q="ORDER") == ["Orders", "Other orders"]
    assert await names(q="%") == ["100%"]
    assert await names(q="nothing") == []
    page = (await client.get(AREAS, params={"q": "order", "limit": 1})).json()
    assert await names(q="order", cursor=page["nextCursor"]) == ["Other orders"]
    assert_problem(await client.get(AREAS, params={"q": ""}), 422)
    assert (await client.get("/api/envs/default/tables", params={"q": "x"})).json() == {"items": []}


async def test_areas_that_can_not_be(client: httpx.AsyncClient) -> None:
    for body, pointer in [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "  "}, "/name"),
        ({"name": "x" * 64}, "/name"),
        ({"name": "a\u0000"}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": "a", "loadMode": "merge"}, "/loadMode"),
        ({"name": "a", "loadMode": "upsert"}, "/keyColumns"),
        ({"name": "a", "keyColumns": "id"}, "/keyColumns"),
        ({"name": "a", "keyColumns": [7]}, "/keyColumns/0"),
        ({"name": "a", "columns": []}, "/columns"),
    ]:
        problem = assert_problem(await client.post(AREAS, json=body), 422)
        assert pointer in [error["pointer"] for error in problem["errors"]], body
    assert (await client.get(AREAS)).json() == {"items": []}


async def test_a_repeated_write_is_done_once(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "a1"}
    answers = await asyncio.gather(*(client.post(AREAS, json={"name": "Once"}, headers=key) for _ in range(12)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["areaId"] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 11
    assert_problem(await client.post(AREAS, json={"name": "Twice"}, headers=key), 409, "idempotency_conflict")
    refused = {"Idempotency-Key": "a2"}
    assert_problem(await client.post(AREAS, json={"name": "Once"}, headers=refused), 409, "name_taken")
    assert (await client.post(AREAS, json={"name": "Now it can"}, headers=refused)).status_code == 201


async def test_upload_raw(client: httpx.AsyncClient, area: str) -> None:
    response = await client.post(f"{AREAS}/{area}/files?name=orders.csv", content=CSV)

    file = response.json()
    assert response.status_code == 201
    assert (file["name"], file["bytes"], file["areaId"], file["format"]) == ("orders.csv", len(CSV), area, "csv")
    assert file["sha256"] == hashlib.sha256(CSV).hexdigest()
    assert "blobPath" not in file
    shown = file | {"lastLoad": None}
    assert (await client.get(f"/api/envs/default/files/{file['fileId']}")).json() == shown
    assert (await client.get(f"{AREAS}/{area}/files")).json() == {"items": [shown]}

    again = (await client.post(f"{AREAS}/{area}/files?name=again.csv", content=CSV)).json()
    assert again["duplicateOf"] == file["fileId"]
    assert (await client.delete(f"/api/envs/default/files/{again['fileId']}")).status_code == 204
    assert_problem(await client.get(f"/api/envs/default/files/{again['fileId']}"), 404, "file_not_found")


@pytest.mark.parametrize("boundary", ["x", "----WebKitFormBoundaryABC"])
async def test_upload_by_form(client: httpx.AsyncClient, area: str, boundary: str) -> None:
    content = b"\r\n--" + boundary.encode() + b"\r\nalmost, but in the middle of a line --x--"
    content = content.replace(b"\r\n--" + boundary.encode(), b"\r\n-" + boundary.encode())
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="C:\\\\x\\\\Bestellungen ü.csv"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    ).encode() + content
    response = await client.post(
        f"{AREAS}/{area}/files", content=body + f"\r\n--{boundary}--\r\n".encode(), headers=headers
    )

    assert response.status_code == 201, response.text
    assert response.json()["name"] == "Bestellungen ü.csv"
    assert response.json()["sha256"] == hashlib.sha256(content).hexdigest()
    named = await client.post(f"{AREAS}/{area}/files?name=b.csv", files={"file": ("a.csv", CSV)})
    assert (named.json()["name"], named.json()["bytes"]) == ("b.csv", len(CSV))


async def test_forms_that_carry_no_file(client: httpx.AsyncClient, area: str, tmp_path: Path) -> None:
    path = f"{AREAS}/{area}/files"
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nabc'
    for status, sent in [
        (400, {"content": b"", "headers": {"Content-Type": "multipart/form-data"}}),
        (400, {"content": b"nonsense", "headers": form}),
        (400, {"content": part, "headers": form}),
        (400, {"content": part + b"\r\n--x", "headers": form}),
        (400, {"content": b"", "headers": {"Content-Type": f"multipart/form-data; boundary={'x' * 300}"}}),
        (422, {"content": b"", "headers": form}),
        (422, {"content": b"--x--\r\n", "headers": form}),
        (422, {"files": {"other": ("a.csv", CSV)}}),
        (422, {"files": [("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))]}),
        (422, {"content": part.replace(b'; filename="a.csv"', b"") + b"\r\n--x--\r\n", "headers": form}),
        (415, {"content": gzip.compress(CSV, mtime=0), "headers": {"Content-Encoding": "gzip"}}),
    ]:
        assert_problem(await client.post(path, **sent), status)  # type: ignore[arg-type]
    assert stored(tmp_path) == []
    assert (await client.get(path)).json() == {"items": []}


async def test_uploads_that_are_refused_leave_nothing(client: httpx.AsyncClient, area: str, tmp_path: Path) -> None:
    path = f"{AREAS}/{area}/files"
    large = b"x" * (4 * 1024**2 + 1)

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 100_000):
            yield large[start : start + 100_000]

    for name in ("", "a\nb", "x" * 256, "   "):
        assert_problem(await client.post(path, params={"name": name}, content=CSV), 422)
    assert_problem(await client.post(path, content=CSV), 422, "file_name_missing")
    assert_problem(await client.post(f"{path}?name=a.csv", content=large), 413, "too_large")
    assert_problem(await client.post(f"{path}?name=a.csv", content=in_pieces()), 413, "too_large")
    assert_problem(await client.post(path, files={"file": ("a.csv", large)}), 413, "too_large")
    assert_problem(await client.post(f"{AREAS}/nothing/files?name=a.csv", content=CSV), 404, "area_not_found")
    assert stored(tmp_path) == []
    assert (await client.get(path)).json() == {"items": []}


async def test_a_repeated_upload_is_stored_once(client: httpx.AsyncClient, area: str, tmp_path: Path) -> None:
    path, key = f"{AREAS}/{area}/files?name=a.csv", {"Idempotency-Key": "u1"}

    answers = await asyncio.gather(*(client.post(path, content=CSV, headers=key) for _ in range(5)))

    assert len({answer.json()["fileId"] for answer in answers}) == 1
    assert_problem(await client.post(path, content=CSV + b"3;4\n", headers=key), 409, "idempotency_conflict")
    assert len(stored(tmp_path)) == 1


async def test_formats_are_told_from_the_first_bytes(client: httpx.AsyncClient, area: str) -> None:
    for name, content, known in [
        ("a.csv", CSV, "csv"),
        ("a.txt", b"", "csv"),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.json", b'\xef\xbb\xbf [{"a": 1}]', "json"),
        ("a.csv", b"%PDF-1.7", "pdf"),
        ("a.csv.gz", gzip.compress(CSV, mtime=0), "csv.gz"),
        ("a.json.gz", gzip.compress(b"[1]", mtime=0), "json.gz"),
        ("a.gz", b"\x1f\x8bbroken", "csv.gz"),
        ("a.xlsx", excel({"x": [("id", "name"), (1, "a")]}), "xlsx"),
        ("a.ods", open_document({"x": document_row("id", "name")}), "ods"),
        ("a.xls", OLD_EXCEL, "xls"),
        ("a.csv", bz2.compress(CSV), "csv.bz2"),
        ("a.jsonl.xz", lzma.compress(b'{"a": 1}\n{"a": 2}\n'), "jsonl.xz"),
        ("a.zst", b"\x28\xb5\x2f\xfdbroken", "csv.zst"),
    ]:
        response = await client.post(f"{AREAS}/{area}/files", params={"name": name}, content=content)
        assert response.json()["format"] == known, name


async def test_other_tenants_and_viewers(client: httpx.AsyncClient, api: Api, area: str) -> None:
    path = f"{AREAS}/{area}/files?name=a.csv"
    async with api.client(**bearer("administrator", tenant="other")) as stranger:
        assert_problem(await stranger.post(path, content=CSV), 404)
        assert_problem(await stranger.get(f"{AREAS}/{area}"), 404)
    async with api.client(**bearer("viewer")) as viewer:
        assert_problem(await viewer.post(path, content=CSV), 403, "role_required")


async def test_an_upload_that_breaks_off_leaves_nothing(api: Api, area: str, tmp_path: Path) -> None:
    async with api.served() as url:
        reader, writer = await connected(url)
        writer.write(head(url, "POST", f"{AREAS}/{area}/files?name=a.csv", 3_000_000))
        writer.write(b"x" * 2_000_000)
        await writer.drain()
        async with asyncio.timeout(5):
            while not any(name.endswith(".part") for name in stored(tmp_path)):
                await asyncio.sleep(0.01)
        writer.transport.abort()
        async with asyncio.timeout(5):
            while stored(tmp_path):
                await asyncio.sleep(0.01)
        reader.feed_eof()
    async with api.client() as client:
        assert (await client.get(f"{AREAS}/{area}/files")).json() == {"items": []}


async def test_a_body_of_100_mb_is_refused_before_it_is_read(api: Api) -> None:
    async with api.served() as url:
        reader, writer = await connected(url)
        writer.write(head(url, "POST", "/api/jobs", 100_000_000, "Content-Type: application/json"))
        async with asyncio.timeout(2):  # nothing of the body was sent, and the answer is there
            status = await reader.readline()
            answer = await reader.readuntil(b"}")
        assert b" 413 " in status
        assert b"too_large" in answer
        assert b"connection: close" in answer.lower()
        writer.close()

        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            # One that sends it all first sees the answer too, and not a broken connection.
            response = await client.post(f"{url}/api/jobs", content=b" " * 100_000_000, headers=JSON, timeout=20)
            assert_problem(response, 413, "too_large")

            async def endless() -> AsyncIterator[bytes]:
                while True:
                    yield b" " * 65_536

            # One that never stops sending is cut off after a moment of grace.
            async with asyncio.timeout(10):
                with contextlib.suppress(httpx.WriteError, httpx.ReadError):
                    response = await client.post(f"{url}/api/jobs", content=endless(), headers=JSON)
                    assert_problem(response, 413, "too_large")


JSON = {"Content-Type": "application/json"}


async def connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    return await asyncio.open_connection(address.hostname, address.port, family=socket.AF_INET)


def head(url: str, method: str, path: str, length: int, *headers: str) -> bytes:
    lines: list[Any] = [
        f"{method} {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        f"Authorization: Bearer {TOKEN}",
        f"Content-Length: {length}",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_files_are_listed_the_newest_first_on_request(client: httpx.AsyncClient) -> None:
    area = (await client.post(AREAS, json={"name": "in order"})).json()["areaId"]
    path = f"{AREAS}/{area}/files"
    ids = [(await client.post(path, params={"name": f"{n}.csv"}, content=CSV)).json()["fileId"] for n in range(3)]
    first = (await client.get(path, params={"order": "newest", "limit": 2})).json()
    rest = (await client.get(path, params={"order": "newest", "limit": 2, "cursor": first["nextCursor"]})).json()
    assert [item["fileId"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert "nextCursor" not in rest
    assert [item["fileId"] for item in (await client.get(path)).json()["items"]] == ids
    assert (await client.get(path, params={"order": "biggest"})).status_code == 422
