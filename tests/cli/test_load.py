"""`stepmill load`, `tables` and `demo`: from a file to rows that a user can see."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stepmill import samples
from tests.cli.processes import Serve, clean_environment, serving, stepmill, wait_until

PEOPLE = "id,name,born\n1,Ada,1815-12-10\n2,Grace,1906-12-09\n3,Alan,not known\n"


def load(server: Serve, *arguments: str | Path) -> dict[str, Any]:
    """Load one file and give its line of JSON."""
    result = server.run("load", "--json", *map(str, arguments))
    assert result.returncode == 0, result.stderr + result.stdout
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def test_the_sample_becomes_a_typed_table(server: Serve) -> None:
    result = server.run("load", str(samples.airports()), COLUMNS="200")
    assert result.returncode == 0, result.stderr
    assert "5,210 rows read = 5,210 loaded + 0 rejected + 0 filtered + 0 deduplicated" in result.stdout
    assert [f"airports.csv.gz: {step} DONE" in result.stderr for step in ("Extract", "Transform", "Load")] == [True] * 3

    shown = json.loads(server.run("tables", "show", "airports", "--json").stdout)
    types = {column["logicalName"]: column["type"] for column in shown["table"]["columns"]}
    assert types["latitude_deg"] == "double"
    assert types["iso_country"] == "text"
    assert shown["table"]["rows"] == 5210
    assert len(shown["rows"]) == 5

    assert "airports" in server.run("tables", "list").stdout
    for_people = server.run("tables", "show", "airports", COLUMNS="200").stdout
    assert "latitude_deg" in for_people
    assert "332240" in for_people  # an id, in which nothing is put between the digits
    counted = server.run("psql", "-At", "-c", "SELECT count(*) FROM airports WHERE iso_country = 'NA'")
    assert counted.stdout.strip().isdigit()


def test_rejected_rows_are_shown_with_their_line(server: Serve, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,name\n" + "1,Ada\n" * 50 + "Grace,Hopper,2\n")
    loaded = load(server, tmp_path / "people.csv", "--table", "rejects of people")
    assert loaded["result"]["rowsRejected"] == 1

    shown = json.loads(server.run("tables", "rejects", "rejects of people", "--json").stdout)
    assert [(reject["line"], reject["code"]) for reject in shown["items"]] == [(52, "too_many_fields")]
    assert "52" in server.run("tables", "rejects", "--load", loaded["result"]["loadId"]).stdout
    assert server.run("tables", "rejects", "rejects of people", "--csv").stdout.startswith(
        "line,column,code,reason,raw"
    )


def test_files_of_one_table_add_up(server: Serve, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"name,n\n{name},1\n{name},2\n")
    result = server.run("load", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--table", "both", "--json")
    assert result.returncode == 0, result.stderr
    assert [json.loads(line)["result"]["rowsLoaded"] for line in result.stdout.splitlines()] == [2, 2]
    assert json.loads(server.run("tables", "show", "both", "--json").stdout)["table"]["rows"] == 4


def test_an_upsert_goes_by_its_key(server: Serve, tmp_path: Path) -> None:
    file = tmp_path / "stock.csv"
    file.write_text("sku,count\na,1\nb,2\n")
    load(server, file, "--mode", "upsert", "--key", "sku")
    file.write_text("sku,count\nb,20\nc,3\n")
    load(server, file)
    rows = json.loads(server.run("tables", "show", "stock", "--json").stdout)["rows"]
    assert sorted((row["sku"], row["count"]) for row in rows) == [("a", 1), ("b", 20), ("c", 3)]


def test_a_tables_mode_is_never_changed_by_the_way(server: Serve, tmp_path: Path) -> None:
    (tmp_path / "modes.csv").write_text("a\n1\n")
    load(server, tmp_path / "modes.csv", "--mode", "append")
    result = server.run("load", str(tmp_path / "modes.csv"), "--mode", "replace")
    assert result.returncode == 5
    assert "is loaded with the mode append, not replace" in " ".join(result.stderr.split())


def test_a_table_may_be_frozen(server: Serve, tmp_path: Path) -> None:
    file = tmp_path / "frozen.csv"
    file.write_text("a\n1\n")
    load(server, file, "--schema-change", "freeze")
    file.write_text("a,b\n1,2\n")
    assert "columns_frozen" in server.run("load", str(file)).stdout
    result = server.run("load", str(file), "--schema-change", "evolve")
    assert result.returncode == 5
    assert "has the schema change freeze, not evolve" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "empty_file"), (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "not_a_table")]
)
def test_a_file_that_is_no_table_fails_in_plain_words(server: Serve, tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / f"{code}.csv"
    file.write_bytes(content)
    result = server.run("load", str(file))
    assert result.returncode in (1, 5)
    assert code in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_the_other_files_are_loaded_when_one_fails(server: Serve, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(b"%PDF-1.7\n")
    (tmp_path / "good.csv").write_text("a\n1\n")
    result = server.run("load", str(tmp_path / "bad.csv"), str(tmp_path / "good.csv"))
    assert result.returncode == 1
    assert "good.csv → good" in result.stdout


def test_without_a_server_one_is_started_for_the_command(folder: Path) -> None:
    (folder / "people.csv").write_text(PEOPLE)
    result = stepmill("load", str(folder / "people.csv"), f"--data-dir={folder / 'data'}")
    assert result.returncode == 0, result.stderr
    assert "starting one" in result.stderr
    assert not (folder / "data" / "server.json").exists()
    with serving(folder / "data") as server:
        shown = json.loads(server.run("tables", "show", "people", "--json").stdout)
        assert shown["table"]["rows"] == 3


@pytest.mark.slow
def test_ctrl_c_cancels_the_load(server: Serve, tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    with file.open("w") as rows:
        rows.write("id,text\n")
        rows.writelines(f"{number},some text that makes the file long enough {number}\n" for number in range(2_000_000))
    command = [sys.executable, "-m", "stepmill.cli", "load", str(file), f"--data-dir={server.data_dir}"]
    with (
        subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE) as loading,
        server.connect() as client,
    ):

        def running() -> list[str]:
            return [job["jobId"] for job in client.list_jobs(status="RUNNING")["items"]]

        wait_until(running)
        job_id = running()[0]
        loading.send_signal(signal.SIGINT)
        assert loading.wait(30) == 130
        assert loading.stderr is not None
        assert f"The job {job_id} is CANCELLED." in loading.stderr.read().decode()
        assert client.wait_for_job(job_id)["status"] == "CANCELLED"
        assert "long" not in [table["logicalName"] for table in client.list_tables("default")["items"]]


@pytest.mark.slow
def test_the_demo_shows_everything_and_ends(folder: Path) -> None:
    result = stepmill("demo", f"--data-dir={folder / 'data'}", COLUMNS="160")
    assert result.returncode == 0, result.stdout + result.stderr
    for text in (
        "Extract DONE",
        "Transform DONE",
        "Load DONE",
        "The plan",
        "latitude_deg",
        "5,210 rows read",
        "/login?code=",
    ):
        assert text in result.stdout
    again = stepmill("demo", f"--data-dir={folder / 'data'}", COLUMNS="160")
    assert again.returncode == 0, again.stdout + again.stderr
