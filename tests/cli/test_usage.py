"""What a user gets wrong: an exit code that means something, a sentence, never a traceback. And a fast start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stepmill.cli.root import COMMANDS, build
from tests.cli.processes import stepmill

NOWHERE = {"STEPMILL_URL": "http://127.0.0.1:9", "STEPMILL_TOKEN": "a token"}


def run(*arguments: str, **environment: str) -> Result:
    """Run a command in this process; what it raises besides its own end is the test's failure."""
    unset = {name: None for name in os.environ if name.startswith("STEPMILL_")}
    settings = {**unset, **environment, "COLUMNS": "300"}
    return CliRunner().invoke(build(), arguments, env=settings, prog_name="stepmill", catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "text"),
    [
        (["jobb"], {}, 2, "No such command 'jobb'. Did you mean 'jobs'?"),
        (["load", "nowhere.csv"], {}, 2, "file 'nowhere.csv' does not exist"),
        (
            ["load", __file__, "--mode", "delete"],
            {},
            2,
            "Invalid value for '--mode': 'delete' is not one of",
        ),
        (["load", __file__, "--mode", "upsert"], {}, 2, "needs the key: --key COLUMN"),
        (["load", __file__, "--schema-change", "x"], {}, 2, "Invalid value for '--schema-change': 'x' is not one of"),
        (["jobs", "submit", "FILE_ETL", "fileId"], NOWHERE, 2, "'fileId' is not NAME=VALUE"),
        (["jobs", "submit", "FILE_ETL", "n:=x"], NOWHERE, 2, "is not JSON"),
        (["jobs", "submit", "FILE_ETL", "--params", "[1]"], NOWHERE, 2, "must be a JSON object"),
        (["jobs", "list"], NOWHERE, 3, "The Stepmill server at http://127.0.0.1:9 does not answer"),
        (["jobs", "list", "--data-dir", "/nowhere"], {}, 3, "Start one with `stepmill serve`"),
        (["jobs", "list"], {"STEPMILL_URL": "http://127.0.0.1:9"}, 6, "Set STEPMILL_TOKEN"),
        (["jobs", "list"], {"STEPMILL_PORT": "many"}, 6, "STEPMILL_PORT: input should be a valid integer"),
        (["worker", "--data-dir", "/nowhere"], {}, 6, "Set STEPMILL_DATABASE_URL, or run everything with"),
        (["api", "--data-dir", "/nowhere"], {}, 6, "Set STEPMILL_DATABASE_URL, or run everything with"),
        (["migrate", "--database-url", "postgresql://127.0.0.1:9/x"], {}, 3, "The database does not answer"),
        (["migrate", "--database-url", "this is none"], {}, 6, "can't be read"),
    ],
)
def test_a_mistake(arguments: list[str], environment: dict[str, str], code: int, text: str) -> None:
    result = run(*arguments, **environment)
    assert text in " ".join(result.stderr.split())
    assert result.exit_code == code
    assert result.stdout == ""


UNREADABLE_ADDRESSES = [
    "postgresql://stepmill:Top%Secret99@db/stepmill",  # a stray percent sign
    "postgresql://stepmill:TopSecret99%00@db/stepmill",
    "postgresql://stepmill:TopSecret99%ff@db/stepmill",
    "postgresql://stepmill:TopSecret99@[db/stepmill",
    "postgresql//stepmill:TopSecret99@db/stepmill",
    "mysql://stepmill:TopSecret99@db/stepmill?charset=utf8",
    "postgresql://stepmill:a@TopSecret99@db.invalid/stepmill",  # the rest of the password would be the host
    "postgresql://stepmill:12/TopSecret99@db/stepmill",  # or the database
    "postgresql://stepmill:TopSecret99/a@db/stepmill",  # or the port
    "postgresql://stepmill:TopSecret99/stepmill",
    "host=127.0.0.1 password=a TopSecret99",
    "host=127.0.0.1 connect_timeout=TopSecret99",
]


@pytest.mark.parametrize("address", UNREADABLE_ADDRESSES)
@pytest.mark.parametrize("command", ["serve", "api", "worker", "migrate", "doctor", "psql"])
def test_an_unreadable_address_of_the_database_is_not_shown(command: str, address: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    result = run(command, STEPMILL_DATABASE_URL=address, STEPMILL_DATA_DIR=str(folder), STEPMILL_PORT="0")
    output = " ".join((result.stdout + result.stderr).split())
    assert "percent-encoded (% as %25" in output
    assert "Secret99" not in output
    assert result.exit_code == 6
    if command != "doctor":  # which looks whether files can be stored
        assert not folder.exists()


def test_an_unreadable_address_of_the_database_is_not_shown_to_scripts() -> None:
    result = run("migrate", "--json", "--database-url", UNREADABLE_ADDRESSES[0])
    assert json.loads(result.stderr)["error"]["code"] == "database_url_unreadable"
    assert "Secret99" not in result.stderr
    result = run("doctor", "--json", "--database-url", UNREADABLE_ADDRESSES[0])
    assert not json.loads(result.stdout)["ok"]
    assert "Secret99" not in result.stdout + result.stderr


def test_a_weak_secret_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    result = run("serve", STEPMILL_SERVICE_SECRET="weak", STEPMILL_DATA_DIR=str(folder), STEPMILL_PORT="0")
    assert "at least 32 bytes" in result.stderr
    assert result.exit_code == 6
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["jobs", "list", "--limit", "0", "--json"], "Invalid value for '--limit'"),
        (["jobs", "--json", "list"], "No such option: --json"),
        (["jobb", "--json"], "No such command 'jobb'. Did you mean 'jobs'?"),
        (["--json", "jobs"], "No such option: --json"),
        (["load", "--json"], "Missing argument 'FILE...'"),
        (["load", __file__, "--json", "--mode", "upsert"], "needs the key: --key COLUMN"),
        (["jobs", "submit", "FILE_ETL", "fileId", "--json"], "'fileId' is not NAME=VALUE"),
    ],
)
def test_wrong_usage_for_scripts(arguments: list[str], text: str) -> None:
    result = run(*arguments, **NOWHERE)
    error = json.loads(result.stderr)["error"]
    assert (error["code"], error["retryable"], result.exit_code) == ("wrong_usage", False, 2)
    assert text in error["message"]
    assert result.stdout == ""


def test_doctor_names_things_as_the_http_contract_does(tmp_path: Path) -> None:
    result = run("doctor", "--json", "--data-dir", str(tmp_path / "none"))
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding.keys() == {"name", "ok", "message", "sqlToMend", "required"}


def test_a_mistake_for_scripts() -> None:
    result = stepmill("jobs", "list", "--json", **NOWHERE)
    assert json.loads(result.stderr)["error"]["code"] == "server_unreachable"
    assert result.returncode == 3
    assert result.stdout == ""


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_every_command_explains_itself(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: stepmill {name}" in result.stdout


def test_help_brings_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from stepmill.cli.root import build\n"
        "try: build()(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in result.stderr.split()}
    assert not loaded & {"fastapi", "httpx", "polars", "procrastinate", "psycopg", "pyarrow", "pydantic", "uvicorn"}


def test_params_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text("{")
    result = run("jobs", "submit", "FILE_ETL", "--params", f"@{tmp_path / 'params.json'}", **NOWHERE)
    assert "--params is not JSON" in " ".join(result.stderr.split())
