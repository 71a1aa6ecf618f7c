"""Areas that take files from a place: each state of each file is loaded once, and nothing outside is read."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from stepmill.gateways.places import Places
from stepmill.store import sightings
from tests.jobs.platform import Platform
from tests.support.problems import assert_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def place(platform: Platform, tmp_path: Path) -> Path:
    """A folder that the administrator allows, beside one that is not."""
    folder = tmp_path / "exports"
    (folder / "2026").mkdir(parents=True)
    (tmp_path / "secrets.csv").write_text("id,secret\n1,x\n")
    platform.api.bench.settings.places = f"s3://elsewhere, unheard-of://elsewhere, file://{folder}/"
    return folder


async def area_of(platform: Platform, place: Path, glob: str = "**/*.csv", **options: Any) -> str:
    return await platform.create_area(source={"url": f"file://{place}", "glob": glob}, **options)


async def scan(platform: Platform, area_id: str) -> dict[str, Any]:
    response = await platform.client.post(f"{platform.env}/areas/{area_id}/scan")
    assert response.status_code == 202, response.text
    told: dict[str, Any] = response.json()
    return told


async def loaded(platform: Platform, told: dict[str, Any]) -> None:
    """The jobs of a scan, each of which must end DONE."""
    for each in told["jobs"]:
        job = await platform.finished(each["jobId"])
        assert job["status"] == "DONE", job["error"]


async def test_new_and_changed_files_are_loaded_once(platform: Platform, place: Path) -> None:
    (place / "a.csv").write_text("id,name\n1,one\n")
    (place / "2026" / "b.csv").write_text("id,name\n2,two\n")
    (place / "notes.txt").write_text("not asked for")
    (place / ".part.csv").write_text("id\n9\n")
    (place / "empty.csv").touch()
    area_id = await area_of(platform, place)

    told = await scan(platform, area_id)
    assert (told["found"], told["unchanged"], told["skipped"], told["remaining"]) == (2, 0, [], 0)
    assert [each["path"] for each in told["jobs"]] == ["2026/b.csv", "a.csv"]
    await loaded(platform, told)
    assert sorted(row["name"] for row in await platform.rows(area_id)) == ["one", "two"]
    files = (await platform.get(f"/areas/{area_id}/files"))["items"]
    assert [(file["name"], file["bytes"], file["format"]) for file in sorted(files, key=lambda file: file["name"])] == [
        ("2026/b.csv", 14, "csv"),
        ("a.csv", 14, "csv"),
    ]

    assert (await scan(platform, area_id))["jobs"] == []
    (place / "a.csv").write_text("id,name\n1,uno\n3,tre\n")
    told = await scan(platform, area_id)
    assert (told["unchanged"], [each["path"] for each in told["jobs"]]) == (1, ["a.csv"])
    await loaded(platform, told)
    assert sorted(row["name"] for row in await platform.rows(area_id)) == ["tre", "two", "uno"]


async def test_scans_at_once_and_one_that_broke_off_submit_each_file_once(
    platform: Platform, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (place / f"{number}.csv").write_text(f"id\n{number}\n")
    area_id = await area_of(platform, place, loadMode="append")

    async def breaks_off(*_: Any, **__: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(sightings, "add", breaks_off)
        assert (await platform.client.post(f"{platform.env}/areas/{area_id}/scan")).status_code == 500
    many = await asyncio.gather(*(scan(platform, area_id) for _ in range(4)))
    jobs = {each["jobId"] for told in many for each in told["jobs"]}
    assert len(jobs) == 5
    await loaded(platform, {"jobs": [{"jobId": job_id} for job_id in jobs]})
    assert sorted(row["id"] for row in await platform.rows(area_id)) == [0, 1, 2, 3, 4]
    assert len((await platform.client.get("/api/jobs", params={"envId": platform.env_id})).json()["items"]) == 5


async def test_a_file_that_changes_or_goes_before_its_job_is_told_of(platform: Platform, place: Path) -> None:
    area_id = await area_of(platform, place)
    bench = platform.api.bench
    (place / "changed.csv").write_text("id\n1\n")
    (place / "gone.csv").write_text("id\n1\n")
    found = await Places(bench.settings.places).find(f"file://{place}", "*.csv")
    assert [file.path for file in found] == ["changed.csv", "gone.csv"]
    # The jobs wait for a tenant's place until the files are other ones.
    blocked = await bench.database.connect(application_name="tests", role="stepmill_engine")
    async with blocked, blocked.transaction():
        await blocked.execute("LOCK TABLE job_attempts IN SHARE MODE")
        told = await scan(platform, area_id)
        (place / "changed.csv").write_text("id\n1\n2\n")
        (place / "gone.csv").unlink()
        assert_problem(
            await platform.client.get(f"{platform.env}/files/{told['jobs'][0]['fileId']}/preview"),
            409,
            "file_not_fetched",
        )
    codes = [(await platform.finished(each["jobId"]))["error"]["code"] for each in told["jobs"]]
    assert codes == ["place_file_changed", "place_file_gone"]
    again = await scan(platform, area_id)
    assert [each["path"] for each in again["jobs"]] == ["changed.csv"]
    await loaded(platform, again)
    assert [row["id"] for row in await platform.rows(area_id)] == [1, 2]


async def test_nothing_else_can_be_a_source(platform: Platform, place: Path) -> None:
    for url, code in [
        (f"file://{place.parent}", "place_not_allowed"),
        (f"file://{place}x", "place_not_allowed"),
        (f"file://{place}/../", "place_not_allowed"),
        ("file:///etc", "place_not_allowed"),
        ("/etc", "place_not_allowed"),
        ("http://169.254.169.254/latest", "place_not_allowed"),
        ("s3://elsewhere-else/x", "place_not_allowed"),
        ("unheard-of://elsewhere/x", "place_unusable"),
        ("s3://elsewhere/../else", "invalid_source"),
        ("s3://elsewhere/%2E%2e/else", "invalid_source"),
        ("s3://key:secret@elsewhere/x", "invalid_source"),
        ("relative/folder", "invalid_source"),
        ("s3://elsewhere/2026-*", "invalid_source"),
        (f"file://{place}/[a]", "invalid_source"),
    ]:
        body = {"name": "Orders", "source": {"url": url}}
        assert_problem(await platform.client.post(f"{platform.env}/areas", json=body), 422, code)
    for glob in ("../*.csv", "/etc/*", "a/../../b", "a\nb"):
        body = {"name": "Orders", "source": {"url": f"file://{place}", "glob": glob}}
        assert_problem(await platform.client.post(f"{platform.env}/areas", json=body), 422, "invalid_source")
    await area_of(platform, place / "2026")


async def test_a_link_that_leads_out_is_not_followed(platform: Platform, place: Path) -> None:
    (place / "out.csv").symlink_to(place.parent / "secrets.csv")
    (place / "outside").symlink_to(place.parent)
    (place / "in.csv").write_text("id\n1\n")
    (place / "alias.csv").symlink_to(place / "in.csv")
    area_id = await area_of(platform, place)
    told = await scan(platform, area_id)
    assert [each["path"] for each in told["jobs"]] == ["alias.csv", "in.csv"]
    await loaded(platform, told)


async def test_an_area_without_a_place_or_with_one_that_is_gone(platform: Platform, place: Path) -> None:
    area_id = await platform.create_area()
    path = f"{platform.env}/areas/{area_id}"
    assert_problem(await platform.client.post(f"{path}/scan"), 409, "area_has_no_source")
    source = {"url": f"file://{place}/nowhere", "glob": "*"}
    changed = await platform.client.patch(path, json={"source": source})
    assert (changed.status_code, changed.json()["source"]) == (200, source)
    unreachable = await platform.client.post(f"{path}/scan")
    assert (unreachable.status_code, unreachable.json()["code"]) == (503, "place_unreachable")
    assert "no such folder" in unreachable.json()["detail"]
    platform.api.bench.settings.places = ""
    assert_problem(await platform.client.post(f"{path}/scan"), 422, "place_not_allowed")
    assert "source" not in (await platform.client.patch(path, json={"source": None})).json()


async def test_a_name_that_no_file_can_have_is_left_out_and_told(platform: Platform, place: Path) -> None:
    (place / "good.csv").write_text("id\n1\n")
    (place / "back\\slash.csv").write_text("id\n4\n")
    (place / "bad\nname.csv").write_text("id\n2\n")
    (place / os.fsdecode(b"\xff.csv")).write_text("id\n3\n")
    told = await scan(platform, await area_of(platform, place))
    assert [each["path"] for each in told["jobs"]] == ["back\\slash.csv", "good.csv"]
    assert sorted(each["path"] for each in told["skipped"]) == ["\\udcff.csv", "bad\\nname.csv"]
    await loaded(platform, told)
