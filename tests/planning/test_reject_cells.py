"""Rejected records as cells, with the offending one marked."""

from typing import Any

import fsspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.read import read_blocks
from stepmill.etl.typed import apply_plan
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.reject_cells import CellSplitter
from tests.etl.support import plan_of

LOCATION = BlobLocation("memory://rejected")
THREE = SourceFormat(mend_rows=False, format="csv", delimiter=";", quote='"', columns=("a", "b", "c"))


def rejected(data: str | bytes, source: SourceFormat = THREE) -> list[list[tuple[str | None, str | None]] | None]:
    """The cells of each record that the reader rejects; a mark stands before the name of an offending one."""
    fsspec.filesystem("memory").pipe("/rejected", data.encode() if isinstance(data, str) else data)
    splitter = CellSplitter(source)
    rejects = [reject for block in read_blocks(LOCATION, source) for reject in block.rejects]
    found = [splitter.cells(reject.record, reject.column, reject.code) for reject in rejects]
    return [None if cells is None else [marked(cell) for cell in cells] for cells in found]


def marked(cell: dict[str, Any]) -> tuple[str | None, str | None]:
    assert set(cell) == {"name", "value", "offending"}
    return f"!{cell['name']}" if cell["offending"] else cell["name"], cell["value"]


@pytest.mark.parametrize(
    ("record", "cells"),
    [
        ('1;"open;3', [("a", "1"), ("!b", '"open;3')]),
        ('"x ""y"" z";2;"3"4', [("a", 'x "y" z'), ("b", "2"), ("!c", '"3"4')]),
        ("1;2", [("a", "1"), ("b", "2"), ("!c", None)]),
        ('"1\n1"', [("a", "1\n1"), ("!b", None)]),
        ("1;2;3;4;5", [("a", "1"), ("b", "2"), ("c", "3"), ("!None", "4"), ("!None", "5")]),
        (b"1;M\xe4rz;3", [("a", "1"), ("!b", "M\\xe4rz"), ("c", "3")]),
    ],
)
def test_what_can_not_be_split_into_rows_is_split_as_far_as_it_goes(record: str | bytes, cells: object) -> None:
    data = record.encode() if isinstance(record, str) else record
    assert rejected(data + b"\n7;8;9\n") == [cells]


def test_other_dialects() -> None:
    escaped = THREE.model_copy(update={"escape": "\\", "skip_initial_space": True})
    assert rejected('1;  "a\\"b;c" ;3\\;4;5\n', escaped) == [
        [("a", "1"), ("b", 'a"b;c '), ("c", "3;4"), ("!None", "5")]
    ]
    trailing = THREE.model_copy(update={"trailing_delimiter": True})
    assert rejected("1;2;3;\n1;\n1;2;3;4;\n", trailing) == [
        [("a", "1"), ("!b", None)],
        [("a", "1"), ("b", "2"), ("c", "3"), ("!None", "4")],
    ]
    plain = THREE.model_copy(update={"quote": None})
    assert rejected('1;"2\n', plain) == [[("a", "1"), ("b", '"2'), ("!c", None)]]


def test_rows_that_a_plan_refuses() -> None:
    plan = plan_of(
        ["a", "b", "c"],
        {"name": "n", "type": "integer", "source": "b"},
        {"name": "s", "type": "date", "mapping": {"kind": "COALESCE", "operands": [{"column": "a"}, {"column": "c"}]}},
    )
    fsspec.filesystem("memory").pipe("/rejected", b"1;x;3\n1;2;3\n")
    source = plan.source.model_copy(update={"delimiter": ";"})
    (block,) = read_blocks(LOCATION, source)
    rejects = apply_plan(compile_plan(plan), block).rejects
    found = [CellSplitter.of_plan(plan, source).cells(each.record, each.column, each.code) or [] for each in rejects]
    assert [list(map(marked, cells)) for cells in found] == [
        [("a", "1"), ("!b", "x"), ("c", "3")],
        [("!a", "1"), ("b", "2"), ("!c", "3")],
    ]


def test_records_that_stay_whole() -> None:
    broken = orjson.dumps('{"a": 1').decode()
    assert CellSplitter(SourceFormat(format="jsonl")).cells(broken, None, "bad_json") is None
    assert CellSplitter().cells(orjson.dumps("1;2").decode(), "c", "too_few_fields") is None
    assert CellSplitter().cells('{"a": "x", "b": null}', "a", "bad_integer") == [
        {"name": "a", "value": "x", "offending": True},
        {"name": "b", "value": None, "offending": False},
    ]
    # A file whose columns stand in another order than the plan knows them: no name is better than a wrong one.
    assert CellSplitter(THREE).cells(orjson.dumps("1;2").decode(), "a", "too_few_fields") is None


def test_there_is_a_limit_and_the_offending_cell_is_within_it() -> None:
    names = [f"c{number}" for number in range(1_000)]
    record = orjson.dumps(dict.fromkeys(names, "x" * 5_000)).decode()
    cells = CellSplitter().cells(record, "c700", "bad_integer") or []
    assert [cell["name"] for cell in cells] == [*names[:200], "c700"]
    assert cells[-1]["offending"]
    assert len(cells[-1]["value"]) == len(cells[0]["value"]) == 1_000
    assert sum(len(cell["value"]) for cell in cells) < 35_000


PIECES = [b'"', b'""', b";", b"a", b"\n", b" ", b"\\", b"\xff", b"b;c;", "\u00e4".encode()]


@given(
    st.lists(st.sampled_from(PIECES), max_size=40),
    st.sampled_from([{}, {"escape": "\\"}, {"trailing_delimiter": True}]),
)
def test_every_reject_of_a_file_has_an_offending_cell(pieces: list[bytes], dialect: dict[str, Any]) -> None:
    source = THREE.model_copy(update=dialect)
    for cells in rejected(b"".join(pieces), source):
        assert cells is not None
        assert any(str(name).startswith("!") for name, _ in cells)
