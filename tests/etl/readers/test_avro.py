"""Avro files: every type as text and back, packed, broken, and what is no record."""

import gzip
import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepmill.errors import DataError
from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.profile import profile_source
from stepmill.etl.readers.detect import Detected
from stepmill.etl.readers.read import read_blocks
from stepmill.etl.typed import apply_plan
from stepmill.planning.rules import make_plan
from tests.etl.readers.detecting import detect, detect_further, warnings_of
from tests.etl.readers.test_archives import zipped


def as_avro(schema: Any, records: list[Any], codec: str = "null") -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, fastavro.parse_schema(schema), records, codec=codec)
    return file.getvalue()


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


def typed(found: Detected) -> pl.DataFrame:
    """As a plan by rules has it; nothing may be rejected."""
    plan = make_plan(found.source, profile_source(found.text, found.source), found.declared)
    blocks = [apply_plan(compile_plan(plan), block) for block in read_blocks(found.text, found.source)]
    assert not [reject for block in blocks for reject in block.rejects]
    return pl.concat([block.frame for block in blocks])


EVERY_TYPE = record(
    flag="boolean",
    small="int",
    wide=["null", "long"],
    real="float",
    precise=["double", "null"],
    code="string",
    raw="bytes",
    kind={"type": "enum", "name": "k", "symbols": ["A", "B"]},
    fixed={"type": "fixed", "name": "f", "size": 2},
    price={"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    day={"type": "int", "logicalType": "date"},
    clock={"type": "long", "logicalType": "time-micros"},
    moment={"type": "long", "logicalType": "timestamp-millis"},
    local={"type": "long", "logicalType": "local-timestamp-micros"},
    ident={"type": "string", "logicalType": "uuid"},
    inner=record(x="int") | {"name": "inner"},
    tags={"type": "array", "items": "string"},
    words={"type": "map", "values": "double"},
    again=["null", "k"],
    either=["int", "string"],
    nothing="null",
)
ROW = {
    "flag": True,
    "small": -5,
    "wide": 2**63 - 1,
    "real": 0.1,
    "precise": 0.1,
    "code": "007",
    "raw": b"\x00\xff",
    "kind": "B",
    "fixed": b"ab",
    "price": Decimal("12.30"),
    "day": date(2024, 2, 29),
    "clock": time(1, 2, 3, 4),
    "moment": datetime(2024, 7, 1, 12, 30, tzinfo=UTC),
    "local": datetime(2024, 7, 1, 12, 30, 0, 5),
    "ident": UUID(int=7),
    "inner": {"x": 1},
    "tags": ["a", "b"],
    "words": {"n": float("nan"), "one": 1.5},
    "again": "A",
    "either": 3,
    "nothing": None,
}


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "zstandard", "snappy"])
def test_every_type_comes_as_it_is_declared(codec: str) -> None:
    other = ROW | {"wide": None, "precise": None, "again": None, "either": "x"}
    found = detect(as_avro(EVERY_TYPE, [ROW, other], codec), "data.avro")
    assert (found.source.format, warnings_of(found)) == ("avro", [])
    frame = typed(found)
    row = frame.row(0, named=True)
    assert row == ROW | {
        "raw": r"\x00ff",
        "fixed": r"\x6162",
        "ident": UUID(int=7).bytes,
        "inner": '{"x":1}',
        "tags": '["a","b"]',
        "words": '{"n":"NaN","one":1.5}',
        "either": "3",
    }
    assert frame.row(1, named=True) == row | {"wide": None, "precise": None, "again": None, "either": "x"}


@given(st.lists(st.tuples(st.floats(width=32), st.floats(), st.integers(-(2**63), 2**63 - 1), st.text()), max_size=9))
def test_any_values_come_back(rows: list[tuple[float, float, int, str]]) -> None:
    schema = record(short="float", long="double", whole="long", word="string")
    given = [dict(zip(("short", "long", "whole", "word"), row, strict=True)) for row in rows]
    found = detect(as_avro(schema, given), "data.avro")
    if not rows:
        return
    texts = pl.concat([block.frame for block in read_blocks(found.text, found.source)])
    for row, read in zip(rows, texts.iter_rows(), strict=True):
        assert repr(float(pl.Series([float(read[0])], dtype=pl.Float32)[0])) == repr(row[0])
        assert (repr(float(read[1])), int(read[2]), read[3]) == (repr(row[1]), row[2], row[3])


def test_a_file_without_records_has_one_column() -> None:
    found = detect(as_avro("string", ["a", "b"]), "data.avro")
    assert typed(found).to_dicts() == [{"value": "a"}, {"value": "b"}]


def test_it_may_be_packed_and_have_any_name() -> None:
    data = as_avro(record(a="int"), [{"a": 1}])
    assert typed(detect(gzip.compress(data), "data.avro.gz")).to_dicts() == [{"a": 1}]
    assert typed(detect(zipped({"one.avro": data}), "data.zip")).to_dicts() == [{"a": 1}]
    assert warnings_of(detect(data, "data.csv")) == ["other_format"]


def test_a_further_file_follows_the_plan() -> None:
    plan = detect(as_avro(record(a="int", b="string"), [{"a": 1, "b": "x"}]), "data.avro").source
    found = detect_further(as_avro(record(b="string", a="int"), [{"a": 2, "b": "y"}]), plan, ["a", "b"], "data.avro")
    assert [block.frame.to_dicts() for block in read_blocks(found.text, found.source)] == [[{"b": "y", "a": "2"}]]
    with pytest.raises(DataError) as raised:
        detect_further(as_avro(record(c="int"), [{"c": 2}]), plan, ["a", "b"], "data.avro")
    assert raised.value.code == "missing_columns"


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
@given(data=st.data())
def test_broken_bytes_are_an_error_that_says_so(codec: str, data: st.DataObject) -> None:
    whole = as_avro(EVERY_TYPE, [ROW] * 20, codec)
    end = data.draw(st.integers(4, len(whole) - 1))
    spoilt = bytearray(whole[:end])
    spoilt[data.draw(st.integers(4, end - 1)) if end > 4 else 3] ^= data.draw(st.integers(1, 255))
    code: str | None = None
    try:
        found = detect(bytes(spoilt), "data.avro")
        list(read_blocks(found.text, found.source))
    except DataError as error:
        code = error.code
    assert code in (None, "damaged_file", "no_columns", "not_a_table", "empty_file")
