"""Which kind of JSON a file is, and where in it the records are."""

import gzip
import json
from typing import Any

import pytest

from stepmill.errors import DataError
from stepmill.etl.readers.detect import Detected
from stepmill.etl.readers.read import read_blocks
from tests.etl.readers.detecting import LOCATION, detect, warnings_of

RECORDS: list[dict[str, Any]] = [{"a": 1, "b": {"c": [1, 2]}}, {"a": 2, "b": None}, {"a": 3, "d": "x"}]
LINES = "".join(json.dumps(record) + "\n" for record in RECORDS)
PRETTY = json.dumps(RECORDS, indent=2)
PAGE = {"meta": {"count": 3, "tags": ["x"]}, "data": {"items": RECORDS, "links": [{"a": 1}]}, "next": None}


def shape(detected: Detected) -> tuple[str, str | None]:
    return detected.source.format, detected.source.records_path


def rows(detected: Detected) -> int:
    return sum(block.records for block in read_blocks(LOCATION, detected.source))


@pytest.mark.parametrize(
    ("data", "expected", "count"),
    [
        (LINES, ("jsonl", None), 3),
        ("\n" + LINES, ("jsonl", None), 3),
        (LINES.replace("\n", "\r\n"), ("jsonl", None), 3),
        ('{"a": 1}', ("jsonl", None), 1),
        ('{"a": [1, 2]}\n', ("jsonl", None), 1),
        ('{"a": 1, "b\n' + LINES, ("jsonl", None), 4),
        ('{"a": [{"b": 1}]}\n{"a": [{"b": 2}]}\n', ("jsonl", None), 2),
        ("[1, 2]\n[3, 4]\n", ("jsonl", None), 2),
        (json.dumps(RECORDS), ("json", None), 3),
        (PRETTY, ("json", None), 3),
        ("  \n" + PRETTY, ("json", None), 3),
        ("[]", ("json", None), 0),
        ("[\n" + ",\n".join(LINES.splitlines()) + "\n]\n", ("json", None), 3),
        (json.dumps(PAGE), ("json", "data.items"), 3),
        (json.dumps(PAGE, indent=2), ("json", "data.items"), 3),
        (json.dumps({"rows": RECORDS}), ("json", "rows"), 3),
        ("\n".join(json.dumps(record, indent=2) for record in RECORDS), ("json", None), 3),
        ("".join(json.dumps({"x": RECORDS}, indent=2) for _ in range(2)), ("json", None), 2),
        (json.dumps(RECORDS[0], indent=2), ("json", None), 1),
        ("[1, 2, 3]", ("json", None), 3),
    ],
)
def test_small_files(data: str, expected: tuple[str, str | None], count: int) -> None:
    detected = detect(data, name="data.json")

    assert shape(detected) == expected
    assert rows(detected) == count
    assert (detected.header, detected.source.columns, warnings_of(detected)) == (None, (), [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("data", [PRETTY, LINES, json.dumps(PAGE)])
def test_any_unicode(data: str, encoding: str) -> None:
    assert rows(detect(data, encoding=encoding)) == 3


def test_gzip() -> None:
    detected = detect(gzip.compress(PRETTY.encode()), name="data.json.gz")

    assert (detected.source.compression, rows(detected)) == ("gzip", 3)


def test_the_name_is_no_more_than_a_hint() -> None:
    assert warnings_of(detect(PRETTY, name="data.csv")) == ["other_format"]
    assert warnings_of(detect(LINES, name="data.json")) == []


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (LINES, "format", "Each line is a JSON value of its own."),
        (PRETTY, "format", "The records are the objects of a JSON array."),
        (json.dumps(PAGE), "records_path", "The records are the objects of the JSON array at 'data.items'."),
    ],
)
def test_evidence(data: str, code: str, message: str) -> None:
    assert {finding.code: finding.message for finding in detect(data).evidence}[code] == message


def test_more_fields_than_columns_can_be() -> None:
    detected = detect("".join(json.dumps({f"field {number}": 1}) + "\n" for number in range(20_001)))

    with pytest.raises(DataError) as caught:
        rows(detected)

    assert caught.value.code == "too_many_columns"


def test_objects_in_objects_without_end_are_one_record_that_is_too_deep() -> None:
    """Each level used to cost as much as all those above it: this many took minutes."""
    depth = 100_000
    found = detect('{"a":' * depth + "1" + "}" * depth)
    (block,) = read_blocks(found.text, found.source)
    (reject,) = block.rejects
    assert "nested too deeply" in reject.reason
