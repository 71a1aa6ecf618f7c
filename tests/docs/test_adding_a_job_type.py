"""The page that says how to add a job type, followed to the letter in a fresh clone."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from stepmill.client import Client, Job
from stepmill.errors import InputError
from tests.cli.processes import Serve, clean_environment, serving, wait_until
from tests.docs.pages import DOCS, ROOT, Block, blocks

PAGE = DOCS / "adding-a-job-type.md"
STAND_IN = Path(__file__).with_name("dbt_stand_in.py")


@dataclass(frozen=True)
class Workshop:
    """A clone with the page's file in it, a server that runs from it, and a folder of programs that it finds first."""

    clone: Path
    projects: Path
    programs: Path
    server: Serve

    def write_model(self, text: str) -> None:
        """Make the project's only model anew."""
        (self.projects / "default" / "shop" / "models" / "orders.sql").write_text(text)

    def install_dbt(self) -> None:
        """Put the stand-in where the worker finds a program called dbt."""
        program = self.programs / "dbt"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
        program.chmod(0o755)

    def remove_dbt(self) -> None:
        (self.programs / "dbt").unlink()


def git(clone: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=clone, check=True, capture_output=True, text=True).stdout


def clone_into(folder: Path) -> Path:
    """A repository with one commit: the files here as they are now."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All of it")
    return folder


def named_file(block: Block) -> str:
    """The file that the sentence before a block names."""
    name = re.search(r"`([\w/.-]+\.py)`:$", block.introduction)
    assert name is not None, f"{block} has no sentence before it that names its file"
    return name[1]


def follow_the_page(clone: Path) -> None:
    block = next(block for block in blocks(PAGE) if block.introduction.startswith("Create "))
    (clone / named_file(block)).write_text(block.text)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with tempfile.TemporaryDirectory(prefix="stepmill-tests-", ignore_cleanup_errors=True) as path:
        home = Path(path)
        clone = clone_into(home / "clone")
        follow_the_page(clone)
        programs, projects = home / "bin", home / "projects"
        programs.mkdir()
        (projects / "default" / "shop" / "models").mkdir(parents=True)
        (projects / "default" / "shop" / "dbt_project.yml").write_text("name: shop\n")
        environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(clone / "src"),
            "STEPMILL_DBT_PROJECTS": str(projects),
        }
        with serving(home / "data", **environment) as server:
            yield Workshop(clone, projects, programs, server)


@pytest.fixture
def client(workshop: Workshop) -> Iterator[Client]:
    workshop.install_dbt()
    with workshop.server.connect() as client:
        yield client


def build(client: Client, **params: str) -> Job:
    """Run the page's job type to its end."""
    job = client.start_job("DBT_BUILD", {"projectDir": "shop", **params}, env_id="default")
    return client.wait_for_job(job["jobId"])


def states(job: Job) -> dict[str, str]:
    return {step["name"]: step["status"] for step in job["steps"]}


def test_it_is_one_new_file_and_no_other_touched(workshop: Workshop) -> None:
    assert (
        git(workshop.clone, "status", "--porcelain", "--untracked-files=all") == "?? src/stepmill/jobs/dbt_build.py\n"
    )


def test_the_type_is_there(client: Client) -> None:
    found = next(each for each in client.job_types() if each["type"] == "DBT_BUILD")
    assert [step["name"] for step in found["steps"]] == ["Prepare", "Build", "Report"]
    assert set(found["paramsSchema"]["properties"]) == {"envId", "tenantId", "projectDir", "select", "target"}


def test_it_runs(workshop: Workshop, client: Client) -> None:
    workshop.write_model("select 1 as id")
    job = build(client, target="main")
    assert job["error"] is None
    assert states(job) == {"Prepare": "DONE", "Build": "DONE", "Report": "DONE"}
    assert job["result"] == {"nodes": 1, "seconds": 0.01, "statuses": {"success": 1}}
    assert job["steps"][1]["progress"] == {"done": 1, "total": 1, "unit": "nodes", "message": None}
    events = client.list_events(job["jobId"], limit=100)["items"]
    lines = [event["data"]["message"] for event in events if event["event"] == "log"]
    assert lines[0] == "a line that is not of the log"
    assert lines[-2:] == ["START sql model orders", "OK orders"]


def test_a_failed_build_says_what_failed_and_goes_on_when_mended(workshop: Workshop, client: Client) -> None:
    workshop.write_model("select broken")
    job = build(client)
    assert (job["status"], states(job)) == ("ERROR", {"Prepare": "DONE", "Build": "ERROR", "Report": "DONE"})
    assert job["error"] is not None
    assert job["error"]["code"] == "dbt_build_failed"
    assert job["error"]["message"] == "Database Error in model orders"
    assert [node["unique_id"] for node in job["error"]["details"]["nodes"]] == ["model.shop.orders"]
    assert job["steps"][2]["output"] == {"nodes": 1, "seconds": 0.01, "statuses": {"error": 1}}

    workshop.write_model("select 1 as id")
    client.retry_job(job["jobId"])
    assert client.wait_for_job(job["jobId"])["status"] == "DONE"


def test_cancel_ends_dbt_and_what_dbt_started(workshop: Workshop, client: Client) -> None:
    workshop.write_model("select forever")
    job = client.start_job("DBT_BUILD", {"projectDir": "shop"}, env_id="default")
    for event in client.stream_job(job["jobId"]):
        if event.kind == "log" and event.data["message"] == "START sql model orders":
            break
    wait_until(lambda: sleepers(workshop.server))
    asleep = sleepers(workshop.server)
    client.cancel_job(job["jobId"])
    job = client.wait_for_job(job["jobId"])
    assert (job["status"], states(job)["Build"]) == ("CANCELLED", "ERROR")
    wait_until(lambda: not any(process.is_running() and not is_zombie(process) for process in asleep), seconds=2)


def sleepers(server: Serve) -> list[psutil.Process]:
    """The stand-in, and what it sleeps in."""
    found = []
    for process in server.tree():
        with suppress(psutil.Error):
            if str(STAND_IN) in process.cmdline() or "600" in process.cmdline():
                found.append(process)
    return found if len(found) >= 2 else []


def is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_without_dbt_it_says_so(workshop: Workshop, client: Client) -> None:
    workshop.remove_dbt()
    job = build(client)
    assert states(job) == {"Prepare": "ERROR", "Build": "PENDING", "Report": "DONE"}
    assert job["error"] is not None
    assert job["error"]["code"] == "dbt_not_installed"


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"projectDir": "../shop"}, "/params/projectDir"),
        ({"projectDir": "shop", "select": "--profiles-dir=/"}, "/params/select"),
        ({"projectDir": "shop", "target": "a b"}, "/params/target"),
        ({"projectDir": "shop", "command": "rm"}, "/params/command"),
        ({}, "/params/projectDir"),
    ],
)
def test_what_does_not_fit_is_refused(client: Client, params: dict[str, str], pointer: str) -> None:
    with pytest.raises(InputError) as refused:
        client.start_job("DBT_BUILD", params, env_id="default")
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_the_file_is_in_style(workshop: Workshop) -> None:
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        ruff = [sys.executable, "-m", "ruff", *command, "src/stepmill/jobs/dbt_build.py"]
        result = subprocess.run(ruff, cwd=workshop.clone, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout


@pytest.mark.slow
def test_the_file_passes_the_linters(workshop: Workshop) -> None:
    for command in (["mypy", "src/stepmill/jobs"], ["importlinter.cli", "lint"]):
        result = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=workshop.clone,
            env=clean_environment(PYTHONPATH=str(workshop.clone / "src")),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_a_type_of_another_package_is_found(tmp_path: Path) -> None:
    """The package is laid out as an installer would: its modules, and its entry points as metadata."""
    toml = next(block for block in blocks(PAGE) if block.language == "toml")
    group, entries = next(iter(tomllib.loads(toml.text)["project"]["entry-points"].items()))
    module = next(block for block in blocks(PAGE) if block.introduction.startswith("and in "))
    (tmp_path / named_file(module)).parent.mkdir()
    (tmp_path / named_file(module)).write_text(module.text)
    metadata = tmp_path / "acme_jobs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-jobs\nVersion: 1.0\n")
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines))

    program = (
        "import stepmill.jobs, stepmill.engine.registry as r; print(r.Registry(r.find_job_types(stepmill.jobs)).names)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(PYTHONPATH=str(tmp_path)), capture_output=True, text=True
    )
    assert "'SAY_HELLO'" in result.stdout, result.stderr
