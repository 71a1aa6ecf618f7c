"""The console as it is served: its page at each of its addresses, its files and no others, under a strict policy."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from stepmill.api.console import CONSOLE_PATHS
from stepmill.api.console_files import CONSOLE

ROOT = Path(__file__).parents[2]


def _policy(response: httpx.Response) -> dict[str, set[str]]:
    parts = [part.split() for part in response.headers["content-security-policy"].split(";")]
    return {name: set(values) for name, *values in parts}


@pytest.mark.parametrize("path", CONSOLE_PATHS)
async def test_each_address_gives_the_page(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(re.sub(r"\{\w+\}", "an%20id", path) + "?env=other&status=ERROR")
    assert response.status_code == 200
    assert response.text == (CONSOLE / "index.html").read_text(encoding="utf-8")
    assert (await client.head(re.sub(r"\{\w+\}", "an%20id", path))).status_code == 200


async def test_a_browser_gets_a_page_also_where_there_is_nothing(client: httpx.AsyncClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/nope", "/jobs/a/b", "/areas/a/files/"):
        response = await client.get(path, headers=browser)
        assert response.status_code == 404
        assert response.text == (CONSOLE / "index.html").read_text(encoding="utf-8")
        assert "script-src" in _policy(response)
    for path, headers in (("/nope", {}), ("/api/nope", browser), ("/api/jobs/none", browser)):
        response = await client.get(path, headers=headers)
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert (await client.post("/nope", headers=browser)).headers["content-type"] == "application/problem+json"
    assert (await client.get("/static/nope.js", headers=browser)).headers["content-type"] == "application/problem+json"


async def test_the_policy_allows_the_import_map_and_nothing_else_that_is_inline(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    policy = _policy(response)
    [import_map] = re.findall(r'<script type="importmap">(.*?)</script>', response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    assert policy["script-src"] == {"'self'", f"'sha256-{digest}'"}
    assert policy["default-src"] == {"'none'"}
    assert policy["style-src"] == policy["img-src"] == policy["connect-src"] == {"'self'"}
    assert policy["require-trusted-types-for"] == {"'script'"}
    assert "style=" not in response.text
    assert not re.search(r"<script(?! (type=\"(importmap|module)\"|src=))", response.text)


async def test_what_the_page_and_its_modules_name_is_there(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    names = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    names |= set(
        json.loads(re.findall(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)[0])["imports"].values()
    )
    for name in names:
        response = await client.get(name)
        assert response.status_code == 200, name
        assert response.headers["cache-control"] == "no-cache"
        if name.endswith(".js"):
            assert response.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    [
        "package.json",
        "vendor.js",
        "node_modules/preact/package.json",
        "index.html",
        "lib/../package.json",
        "%2e%2e/pyproject.toml",
        "client/service.js",
        "vendor/vendor.json",
        "client/../client/node.js",
        "client/%2e%2e/package.json",
        "",
        "client/",
        "views",
    ],
)
async def test_other_files_are_not_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/static/{path}")).status_code == 404


@pytest.mark.slow
def test_a_wheel_holds_the_console(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    served = [
        path for folder in ("lib", "models", "views", "style", "vendor") for path in (CONSOLE / folder).rglob("*.*")
    ]
    expected = {f"stepmill/console/{path.relative_to(CONSOLE)}" for path in served}
    assert expected | {"stepmill/console/index.html", "stepmill/console/client/index.js"} <= names
    assert not [name for name in names if "node_modules" in name]
