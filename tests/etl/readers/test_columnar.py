"""Parquet and Arrow files: every type as text and back, blocks from anywhere, what is broken, what is no such file."""

import gzip
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from stepmill.errors import DataError
from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.plan.types import LogicalType, TargetType
from stepmill.etl.profile import profile_source
from stepmill.etl.readers.detect import Detected
from stepmill.etl.readers.read import read_blocks
from stepmill.etl.typed import apply_plan
from stepmill.planning.rules import make_plan
from tests.etl.readers.detecting import detect, detect_further, warnings_of
from tests.etl.readers.test_archives import tarred, zipped

Writer = Callable[[pa.Table], bytes]


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file, **options)
    return file.getvalue()


def as_arrow(table: pa.Table) -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1_000)
    return file.getvalue()


def as_stream(table: pa.Table) -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1_000)
    return file.getvalue()


WRITERS: dict[str, Writer] = {"parquet": as_parquet, "arrow file": as_arrow, "arrow stream": as_stream}


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest) -> Writer:
    return WRITERS[request.param]


def texts_of(found: Detected) -> pl.DataFrame:
    return pl.concat([block.frame for block in read_blocks(found.text, found.source)])


def typed(found: Detected) -> pl.DataFrame:
    """As a plan by rules has it; nothing may be rejected."""
    plan = make_plan(found.source, profile_source(found.text, found.source), found.declared)
    blocks = [apply_plan(compile_plan(plan), block) for block in read_blocks(found.text, found.source)]
    assert not [reject for block in blocks for reject in block.rejects]
    return pl.concat([block.frame for block in blocks])


EVERY_TYPE = pa.table(
    {
        "flag": pa.array([True, None]),
        "small": pa.array([-128, 127], pa.int8()),
        "wide": pa.array([2**64 - 1, 0], pa.uint64()),
        "half": pa.array([1.5, None], pa.float32()).cast(pa.float16()),
        "real": pa.array([0.1, -1e300]),
        "price": pa.array([Decimal("12.30"), Decimal("-0.05")], pa.decimal128(9, 2)),
        "code": pa.array(["00712", "1234"]),
        "kind": pa.array(["a", "b"]).dictionary_encode(),
        "day": pa.array([date(2024, 2, 29), date(1, 1, 1)]),
        "at": pa.array([datetime(2024, 2, 29, 13, 14, 15, 123_000), None], pa.timestamp("ns")),
        "moment": pa.array([datetime(2024, 7, 1, 12, tzinfo=UTC), None], pa.timestamp("us", "Europe/Berlin")),
        "clock": pa.array([time(13, 14, 15), time(0)], pa.time64("us")),
        "raw": pa.array([b"\x00\xff", b""]),
        "tags": pa.array([["x", None], []]),
        "place": pa.array([{"lat": 1.5, "when": date(2024, 1, 1)}, None]),
        "nothing": pa.nulls(2),
    }
)


def test_every_type_as_text(write: Writer) -> None:
    half = {} if write is not as_parquet else {"half"}
    found = detect(write(EVERY_TYPE.drop_columns([*half]) if half else EVERY_TYPE), "data.bin")
    first, second = texts_of(found).rows(named=True)

    assert first | {"half": "1.5"} == {
        "flag": "true",
        "small": "-128",
        "wide": "18446744073709551615",
        "half": "1.5",
        "real": "0.1",
        "price": "12.30",
        "code": "00712",
        "kind": "a",
        "day": "2024-02-29",
        "at": "2024-02-29T13:14:15.123",
        "moment": "2024-07-01T12:00:00Z",
        "clock": "13:14:15",
        "raw": r"\x00ff",
        "tags": '["x",null]',
        "place": '{"lat":1.5,"when":"2024-01-01"}',
        "nothing": None,
    }
    assert (second["flag"], second["day"], second["place"], second["tags"]) == (None, "0001-01-01", None, "[]")


def test_the_types_that_the_file_declares_hold(write: Writer) -> None:
    found = detect(write(EVERY_TYPE.drop_columns(["half"])))

    assert found.declared["price"] == TargetType(LogicalType.NUMERIC, 9, 2)
    assert {name: target.logical.value for name, target in found.declared.items() if name != "price"} == {
        "flag": "boolean",
        "small": "integer",
        "wide": "numeric",
        "real": "double",
        "code": "text",
        "kind": "text",
        "day": "date",
        "at": "timestamp",
        "moment": "timestamptz",
        "clock": "time",
        "raw": "text",
        "tags": "json",
        "place": "json",
    }
    assert typed(found)["code"].to_list() == ["00712", "1234"]


def test_words_that_look_like_numbers_or_nulls_stay_words(write: Writer) -> None:
    table = pa.table({"zip": ["10115", "80331"], "said": ["NA", "-"], "share": [float("nan"), float("-inf")]})
    rows = typed(detect(write(table)))

    assert rows["zip"].to_list() == ["10115", "80331"]
    assert rows["said"].to_list() == ["NA", "-"]
    assert [str(value) for value in rows["share"]] == ["nan", "-inf"]


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1) | st.none(),
            st.floats() | st.none(),
            st.decimals(-(10**15), 10**15, places=3, allow_nan=False) | st.none(),
            st.text(st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1) | st.none(),
            st.dates(date(1, 1, 1)) | st.none(),
            st.datetimes(datetime(1, 1, 1)).map(lambda moment: moment.replace(fold=0)) | st.none(),
            st.times().map(lambda moment: moment.replace(fold=0)) | st.none(),
            st.uuids() | st.none(),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_what_goes_in_comes_out(rows: list[tuple[Any, ...]]) -> None:
    kinds = [
        *(pa.int64(), pa.float64(), pa.decimal128(38, 3), pa.string()),
        *(pa.date32(), pa.timestamp("us"), pa.time64("us"), pa.uuid()),
    ]
    names = [f"c{number}" for number in range(len(kinds))]
    columns = [
        pa.array([value.bytes if isinstance(value, UUID) else value for value in values], kind)
        for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)
    ]
    back = typed(detect(as_parquet(pa.table(dict(zip(names, columns, strict=True))))))

    assert [tuple(map(repr, row)) for row in back.rows()] == [
        tuple(repr(value.bytes if isinstance(value, UUID) else value) for value in row) for row in rows
    ]


def many(rows: int) -> pa.Table:
    return pa.table({"id": range(rows), "text": [f"text {number}" for number in range(rows)]})


@pytest.mark.parametrize(
    "data", [as_parquet(many(10_000), row_group_size=3_000), as_arrow(many(10_000)), as_stream(many(10_000))]
)
def test_blocks_begin_anywhere_and_account_for_every_record(data: bytes) -> None:
    found = detect(data)
    blocks = list(read_blocks(found.text, found.source, block_bytes=16_384))

    assert len(blocks) > 3 or found.source.format == "arrow"
    assert pl.concat([block.frame for block in blocks])["id"].to_list() == [str(n) for n in range(10_000)]
    assert [line for block in blocks for line in block.lines] == list(range(1, 10_001))
    assert found.stored_bytes * 0.8 < blocks[-1].bytes_read <= found.stored_bytes
    for begin in range(1, len(blocks)):
        again = list(read_blocks(found.text, found.source, blocks[begin].start, block_bytes=16_384))
        assert [block.frame["id"][0] for block in again] == [block.frame["id"][0] for block in blocks[begin:]]
    middle = list(read_blocks(found.text, found.source, blocks[0].next, blocks[-1].start, block_bytes=16_384))
    assert sum(block.records for block in middle) == sum(block.records for block in blocks[1:-1])


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped({"a.parquet": data}), lambda d: tarred({"x": d})])
def test_packed_files_are_unpacked_first(pack: Callable[[bytes], bytes]) -> None:
    found = detect(pack(as_parquet(many(100))), "a.parquet.gz")

    assert found.source.format == "parquet"
    assert texts_of(found).height == 100


def test_a_plan_made_for_a_csv_file_takes_a_parquet_file(write: Writer) -> None:
    planned = SourceFormat(format="csv", delimiter=",", header_rows=1, columns=("id", "text"))
    found = detect_further(write(many(10).select(["text", "id"])), planned, ["id"], "b.parquet")
    assert texts_of(found)["id"].to_list() == [str(n) for n in range(10)]

    with pytest.raises(DataError) as caught:
        detect_further(write(many(10)), planned, ["amount"], "b.parquet")
    assert caught.value.code == "missing_columns"


def test_names_that_are_missing_doubled_or_odd() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], ["a", "", "a"])
    found = detect(as_parquet(table))

    assert (found.header, found.source.columns) == (("a", "", "a"), ("a", "column_2", "a_2"))
    assert warnings_of(found) == ["empty_name", "doubled_name", "other_format"]
    assert texts_of(found).rows() == [("1", "2", "3")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (as_parquet(many(10_000))[:-100], "damaged_file"),
        (as_parquet(many(10))[:50], "damaged_file"),
        (as_arrow(many(10))[:-20], "damaged_file"),
        (as_stream(many(10))[:60], "damaged_file"),
        (as_parquet(pa.table({f"c{n}": [1] for n in range(20_001)})), "too_many_columns"),
        (as_arrow(pa.table({})), "no_columns"),
    ],
)
def test_what_can_not_be_read_is_told(data: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        detect(data)
    assert caught.value.code == code


def test_a_damaged_page_that_has_a_check_sum_is_told_while_it_is_read() -> None:
    data = bytearray(as_parquet(many(10_000), compression="zstd", write_page_checksum=True))
    middle = len(data) // 2
    data[middle : middle + 1_000] = b"\xff" * 1_000
    found = detect(bytes(data))

    with pytest.raises(DataError) as caught:
        texts_of(found)
    assert caught.value.code == "damaged_file"
    assert "\n" not in caught.value.message


def test_durations_and_maps() -> None:
    table = pa.table(
        {
            "took": pa.array([timedelta(hours=1, seconds=2)]),
            "by": pa.array([[("a", 1), ("b", 2)]], pa.map_(pa.string(), pa.int64())),
        }
    )
    assert texts_of(detect(as_parquet(table))).rows() == [("PT1H2S", '{"a":1,"b":2}')]
