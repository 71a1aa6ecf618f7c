"""The JavaScript client: its own tests, its types, its package, and its users' snippets against a real server."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.processes import clean_environment, serving

CLIENT = Path(__file__).parents[2] / "clients" / "javascript"
_NODE = shutil.which("node")
_LEAST_NODE = 20
_BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


def _node_version() -> int:
    if _NODE is None:
        return 0
    answer = subprocess.run([_NODE, "--version"], capture_output=True, text=True, check=True).stdout
    return int(answer.removeprefix("v").partition(".")[0])


pytestmark = pytest.mark.skipif(
    _node_version() < _LEAST_NODE, reason=f"Node.js {_LEAST_NODE} or newer is not installed"
)


def _run(*command: str, folder: Path = CLIENT, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, env=clean_environment(**(environment or {}))
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _passed(output: str) -> int:
    found = re.search(r"^# pass (\d+)$", output, re.MULTILINE)
    assert found, output
    return int(found[1])


def test_its_own_tests() -> None:
    assert _passed(_run("node", "--test", "--test-reporter=tap", "test/")) >= 29


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_against_a_server(tmp_path: Path, jobs: int) -> None:
    secret = "a secret of a service and its server"
    with serving(tmp_path / "data", STEPMILL_SERVICE_SECRET=secret) as server:
        environment = {"STEPMILL_URL": server.url, "STEPMILL_SERVICE_SECRET": secret, "STEPMILL_TEST_JOBS": str(jobs)}
        command = ("node", "--import", "./live/loader.js", "--test", "--test-reporter=tap", "live/snippets.test.js")
        output = _run(*command, "live/cut_streams.test.js", environment=environment)
        assert _passed(output) == 6


def _install(folder: Path) -> None:
    command = ("npm", "ci", "--no-audit", "--no-fund")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, env=clean_environment())
    if re.search(r"npm error code (ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN)", done.stderr):
        pytest.skip("npm's registry can't be reached, so there are no tools for it")
    assert done.returncode == 0, done.stderr


_USE_OF_TYPES = """
import { StepmillClient, workerService } from 'stepmill';
import type { Job, JobRequest, Page } from 'stepmill';
import type { Area } from 'stepmill/browser';
import type { Job as SameJob } from 'stepmill/types';
const request: JobRequest = { type: 'FILE_ETL', params: {} };
const page: Page<Job> = await new StepmillClient().startJobs([request]);
export const same: SameJob = await workerService.getJob(page.items[0].jobId);
export const area: Area = await workerService.getArea('default', 'a');
// @ts-expect-error A Job has no such field, so it is no `any`.
same.nothing;
"""


def _names_its_types(tsc: str, user: Path) -> None:
    """The shapes have names where Node resolves the package and where a bundler does; Node's part is Node's alone."""
    of_node = "import { serviceHeaders } from 'stepmill';\nexport const headers = serviceHeaders();\n"
    (user / "shapes.ts").write_text(_USE_OF_TYPES)
    (user / "node.ts").write_text(of_node)
    (user / "browser.ts").write_text(f"// @ts-expect-error\n{of_node}")
    options = ("--noEmit", "--strict", "--target", "es2023", "--types", "")
    _run(tsc, *options, "--module", "nodenext", "shapes.ts", "node.ts", folder=user)
    bundler = ("--module", "esnext", "--moduleResolution", "bundler")
    _run(tsc, *options, *bundler, "shapes.ts", "browser.ts", folder=user)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_its_types_and_its_package(tmp_path: Path) -> None:
    """Checked by TypeScript, packed as for npm, and used from the package by a program that TypeScript checks."""
    folder = tmp_path / "clients" / "javascript"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "types", "LICENSE"))
    shutil.copy(CLIENT.parents[1] / "LICENSE", tmp_path)
    _install(folder)
    _run("npx", "tsc", folder=folder)
    packed = json.loads(_run("npm", "pack", "--json", folder=folder))[0]
    names = {each["path"] for each in packed["files"]}
    assert {"LICENSE", "README.md", "package.json", "src/index.js", "src/node.js", "types/node.d.ts"} <= names
    assert "](../" not in (folder / "README.md").read_text()  # such a link leads out of the package
    assert not [name for name in names if name.startswith(("test/", "live/", "node_modules/"))]
    user = tmp_path / "user"
    user.mkdir()
    (user / "package.json").write_text('{"type": "module", "private": true}')
    _run("npm", "install", "--no-audit", "--no-fund", str(folder / packed["filename"]), folder=user)
    (user / "use.js").write_text(
        "// @ts-check\nimport { StepmillClient, workerService, serviceHeaders } from 'stepmill';\n"
        "const job = await workerService.getJob('j').catch((error) => error.code);\n"
        "/** @type {number} */ const n = typeof job === 'string' ? 1 : job.attempt;\n"
        "console.log(typeof serviceHeaders, new StepmillClient().transport.retries, job, n);\n"
    )
    environment = {"STEPMILL_URL": "http://127.0.0.1:9", "STEPMILL_TOKEN": "t"}
    assert _run("node", "use.js", folder=user, environment=environment) == "function 3 server_unreachable 1\n"
    tsc = str(folder / "node_modules" / ".bin" / "tsc")
    options = ("--allowJs", "--checkJs", "--noEmit", "--strict", "--module", "nodenext", "--target", "es2023")
    _run(tsc, *options, "--types", "", "use.js", folder=user)
    _names_its_types(tsc, user)
    assert os.path.isdir(user / "node_modules" / "stepmill" / "types")  # noqa: PTH112


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
@pytest.mark.skipif(_BROWSER is None, reason="Chromium is not installed")
def test_in_a_browser(tmp_path: Path) -> None:
    folder = tmp_path / "javascript"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "types", "LICENSE"))
    _install(folder)
    secret = "a secret of a service and its server"
    with serving(tmp_path / "data", STEPMILL_SERVICE_SECRET=secret) as server:
        environment = {"STEPMILL_URL": server.url, "STEPMILL_SERVICE_SECRET": secret}
        environment["STEPMILL_TEST_BROWSER"] = str(_BROWSER)
        command = ("node", "--test", "--test-reporter=tap", "live/browser.js")
        assert _passed(_run(*command, folder=folder, environment=environment)) == 1


def test_its_lock_file_names_no_host() -> None:
    assert "resolved" not in (CLIENT / "package-lock.json").read_text()
