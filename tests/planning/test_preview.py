"""Previews as they leave a compute child."""

import gzip
import json
from decimal import Decimal
from typing import Any

import fsspec
import pytest

from stepmill.gateways.blobs import BlobLocation
from stepmill.planning import preview_sample
from stepmill.planning.preview import preview_file, preview_plan
from tests.planning.test_examine import Silent

LOCATION = BlobLocation("memory://previewed")


def preview(data: str | bytes, limit: int = 3, name: str = "a.csv") -> dict[str, Any]:
    """The file's preview, its columns by name."""
    fsspec.filesystem("memory").pipe("/previewed", data.encode() if isinstance(data, str) else data)
    found = preview_file(Silent(), LOCATION, name, limit)
    columns = [json.loads(column, parse_float=Decimal) for column in found["columns"]]
    return found | {"columns": {column["source"]: column for column in columns}}


def test_what_columns_hold() -> None:
    rows = [
        f"{number};{number}.25;2024-01-{number % 28 + 1:02};{'yes' if number % 2 else 'no'};word {number % 3};"
        for number in range(1, 101)
    ]
    shown = preview("id;amount;day;ok;word;none\n" + "\n".join(rows) + "\n")
    columns = shown["columns"]
    assert shown["rowsProfiled"] == 100
    assert {name: column["type"] for name, column in columns.items()} == {
        "id": "integer",
        "amount": "numeric",
        "day": "date",
        "ok": "boolean",
        "word": "text",
        "none": "text",
    }
    assert {name: column["nulls"] for name, column in columns.items() if column["nulls"]} == {"none": 100}
    assert {name: column["distinct"] for name, column in columns.items()} == {
        "id": 100, "amount": 100, "day": 28, "ok": 2, "word": 3, "none": 0,
    }  # fmt: skip
    assert (columns["id"]["min"], columns["id"]["max"]) == (1, 100)
    assert columns["id"]["histogram"] == [
        {"from": begin, "to": min(begin + 5, 100), "count": 5} for begin in range(1, 100, 5)
    ]
    assert columns["day"]["histogram"][-1] == {"from": "2024-01-27", "to": "2024-01-28", "count": 6}
    assert columns["amount"]["histogram"][0]["from"] == columns["amount"]["min"] == Decimal("1.25")
    for name in ("id", "amount", "day"):
        assert sum(bucket["count"] for bucket in columns[name]["histogram"]) == 100
        assert "commonest" not in columns[name]
    assert columns["amount"]["examples"] == ["1.25", "2.25", "3.25", "4.25", "5.25"]
    assert columns["ok"]["commonest"] == [{"value": "false", "count": 50}, {"value": "true", "count": 50}]
    assert columns["word"]["commonest"][0] == {"value": "word 1", "count": 34}
    assert (columns["word"]["min"], columns["word"]["max"]) == ("word 0", "word 2")
    assert (columns["none"]["examples"], columns["none"]["commonest"]) == ([], [])


def test_values_that_do_not_fit_are_counted() -> None:
    shown = preview("id;n\n" + "".join(f"{number};{number}\n" for number in range(500)) + "500;x\n501;NA\n502\n")
    column = shown["columns"]["n"]
    assert (column["type"], column["nulls"], column["misfits"], column["distinct"]) == ("integer", 1, 1, 500)
    assert shown["rowsProfiled"] == 502
    (reject,) = shown["rejects"]
    assert (reject["line"], reject["cells"]) == (
        504,
        [{"name": "id", "value": "502", "offending": False}, {"name": "n", "value": None, "offending": True}],
    )


def test_numbers_keep_all_their_digits() -> None:
    shown = preview("n\n12345678901234567890.0123456789\n1.5\n2.5\n")
    assert shown["columns"]["n"]["max"] == Decimal("12345678901234567890.0123456789")


def test_fields_of_json() -> None:
    data = b'{"a": 1, "b": {"x": [1]}, "t": "2024-05-01T10:00:00Z"}\n{"a": 2, "c": true}\n'
    shown = preview(gzip.compress(data), name="a.jsonl.gz")
    columns = shown["columns"]
    assert columns["a"]["histogram"] == [{"from": 1, "to": 2, "count": 1}, {"from": 2, "to": 2, "count": 1}]
    assert columns["b"]["commonest"] == [{"value": '{"x": [1]}', "count": 1}]
    assert columns["t"]["min"] == columns["t"]["max"] == "2024-05-01T10:00:00Z"
    assert [columns[name]["nulls"] for name in "abct"] == [0, 1, 1, 1]


def test_a_file_without_rows() -> None:
    shown = preview("id;n\n")
    assert (shown["rows"], shown["rowsProfiled"], shown["lines"][0]["kind"]) == ([], 0, "header")
    assert shown["columns"]["n"]["commonest"] == []


def test_only_the_first_records_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_sample, "SAMPLE_RECORDS", 10)
    shown = preview("id;n\n1\n" + "".join(f"{number};{number}\n" for number in range(50)), limit=20)
    assert (shown["rowsProfiled"], len(shown["rejects"])) == (9, 1)
    assert shown["columns"]["n"]["max"] == 8
    assert len(shown["rows"]) == 9
    monkeypatch.setattr(preview_sample, "_SAMPLE_CELLS", 8)
    assert preview("id;n\n" + "1;2\n" * 50)["rowsProfiled"] == 4


def test_a_plan_that_changes_values_says_so() -> None:
    plan = {
        "source": {"format": "csv", "delimiter": ";", "headerRows": 1, "columns": ["code", "n"]},
        "columns": [
            {"name": "code", "type": "integer", "source": "code"},
            {"name": "n", "type": "integer", "source": "n", "onFailure": "nullValue"},
        ],
    }
    fsspec.filesystem("memory").pipe("/previewed", b"code;n\n007;1\n8;x\ny;3\n")
    found = preview_plan(Silent(), LOCATION, "a.csv", plan, 20)
    assert {(warning["code"], warning["column"]) for warning in found["warnings"]} == {
        ("lost_zeros", "code"),
        ("values_nulled", "n"),
    }
    (reject,) = found["rejects"]
    assert reject["cells"] == [
        {"name": "code", "value": "y", "offending": True},
        {"name": "n", "value": "3", "offending": False},
    ]
