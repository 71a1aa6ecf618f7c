"""`stepmill inspect`: how files would be read, for people and for programs."""

import csv
import json
from pathlib import Path

import pytest

from tests.cli.processes import stepmill

SEMICOLONS = 'Größe;note\n1;"x;y"\n2;3\n4;5;6\n'


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "sizes.csv").write_text(SEMICOLONS, encoding="cp1252")
    (tmp_path / "events.jsonl").write_text('{"a": 1}\n{"a": 2, "b": [1, 2]}\n')
    (tmp_path / "empty.csv").write_text("")
    return tmp_path


def test_a_person_sees_the_columns_the_rows_and_what_is_odd(files: Path) -> None:
    told = stepmill("inspect", str(files / "sizes.csv"))
    assert told.returncode == 0
    for part in ("csv, cp1252", "Split at ';'", "Größe", "integer", "x;y", "Line 4: The row has 3 fields and not 2"):
        assert part in " ".join(told.stdout.split())


def test_a_script_gets_the_preview_of_each_file_and_the_error_of_one_that_cannot_be_read(files: Path) -> None:
    told = stepmill("inspect", "--json", *(str(files / name) for name in ("sizes.csv", "empty.csv", "events.jsonl")))
    assert told.returncode == 5
    sizes, empty, events = json.loads(told.stdout)
    assert (sizes["name"], sizes["format"], sizes["delimiter"], sizes["headerRows"]) == ("sizes.csv", "csv", ";", 1)
    assert [column["type"] for column in sizes["columns"]] == ["integer", "text"]
    assert [reject["line"] for reject in sizes["rejects"]] == [4]
    assert (empty["name"], empty["error"]["code"]) == ("empty.csv", "empty_file")
    assert events["rows"] == [{"a": "1", "b": None}, {"a": "2", "b": "[1, 2]"}]


def test_files_are_written_as_they_were_read(files: Path) -> None:
    folder = files / "new" / "read"
    told = stepmill("inspect", *map(str, sorted(files.glob("*.*"))), "--as-csv", str(folder))
    assert told.returncode == 5
    assert "empty" in told.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["events.csv", "sizes.csv"]
    assert _rows(folder / "sizes.csv") == [["Größe", "note"], ["1", "x;y"], ["2", "3"]]
    assert _rows(folder / "events.csv") == [["a", "b"], ["1", ""], ["2", "[1, 2]"]]


def test_the_header_is_as_it_stands_in_the_file_or_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "doubled.csv").write_text("id,id,\n1,2,3\n4,5,6\n")
    (tmp_path / "bare.csv").write_text("1,2.5\n3,4.5\n5,6.5\n")
    stepmill("inspect", *map(str, tmp_path.glob("*.csv")), "--as-csv", str(tmp_path / "read"))
    assert _rows(tmp_path / "read" / "doubled.csv")[0] == ["id", "id", ""]
    assert _rows(tmp_path / "read" / "bare.csv") == [["1", "2.5"], ["3", "4.5"], ["5", "6.5"]]


def test_no_file_is_written_over_another(tmp_path: Path) -> None:
    one, two = tmp_path / "data.csv", tmp_path / "data.json"
    one.write_text("a\n1\n")
    two.write_text('[{"b": 2}]')
    stepmill("inspect", str(one), str(two), "--as-csv", str(tmp_path / "read"))
    assert _rows(tmp_path / "read" / "data.csv") == [["a"], ["1"]]
    assert _rows(tmp_path / "read" / "data.json.csv") == [["b"], ["2"]]


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))
