"""Profiles: all values are counted, in blocks of any size, and what is learnt is plain data."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bench.make_csv import COLUMNS, write_csv

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.profile import ColumnProfile, SourceProfile, profile_source
from stepmill.etl.profile.source import SourceWatch
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.rules import make_plan
from tests.etl.support import block_of

SOURCE = SourceFormat(format="csv", delimiter=",", quote='"', header_rows=1, columns=COLUMNS)


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> BlobLocation:
    path: Path = tmp_path_factory.mktemp("profile") / "events.csv"
    write_csv(path, 40_000)
    return BlobLocation(path.as_uri())


def watched(*blocks: dict[str, Sequence[str | None]], columns: tuple[str, ...] = ()) -> SourceProfile:
    watch = SourceWatch(columns)
    with ThreadPoolExecutor(1) as pool:
        for texts in blocks:
            watch.look(block_of(texts), pool)
    return watch.profile()


def only_column(*blocks: Sequence[str | None]) -> ColumnProfile:
    (column,) = watched(*({"c": texts} for texts in blocks)).columns
    return column


def test_an_event_table(location: BlobLocation) -> None:
    seen: list[tuple[int, int]] = []
    profile = profile_source(location, SOURCE, on_progress=lambda records, size: seen.append((records, size)))
    plan = make_plan(SOURCE, profile)

    assert (profile.rows, profile.rejects) == (40_000, 0)
    assert seen[-1] == (40_000, profile.bytes_read)
    assert seen == sorted(seen)
    assert [column.target.sql for column in plan.columns] == [
        *("bigint", "timestamp with time zone", "bigint", "text", "text", "text", "numeric(18,2)"),
        *("double precision", "double precision", "boolean", "date", "uuid", "text"),
    ]
    assert plan.time_column == "occurred_at"


def test_a_profile_is_plain_data(location: BlobLocation) -> None:
    profile = profile_source(location, SOURCE)
    assert SourceProfile.from_json(json.loads(json.dumps(profile.as_json()))) == profile


def test_reading_can_end_early(location: BlobLocation) -> None:
    profile = profile_source(location, SOURCE, max_records=10)
    assert 10 <= profile.rows < 40_000


def test_empty_and_missing_values_are_counted_alike() -> None:
    column = only_column(["a", "", None, "longer"], ["", "é"])
    assert (column.filled, column.empty, column.max_length) == (3, 3, 6)
    assert column.distinct == ["a", "longer", "é"]


def test_columns_that_come_later_were_empty_before() -> None:
    profile = watched({"a": ["1", "2"]}, {"a": ["3"], "b": ["x"]}, {"b": ["y"]})
    assert [(column.name, column.filled, column.empty) for column in profile.columns] == [("a", 3, 1), ("b", 2, 2)]


def test_columns_are_in_the_order_of_the_source_even_if_no_record_has_them() -> None:
    profile = watched({"b": ["1"]}, columns=("a", "b"))
    assert [(column.name, column.filled, column.empty) for column in profile.columns] == [("a", 0, 1), ("b", 1, 0)]


def test_distinct_values_are_kept_only_where_they_are_few() -> None:
    few, many = [str(number) for number in range(50)], [str(number) for number in range(51)]
    assert only_column(few).distinct == sorted(few)
    assert only_column(many).distinct is None


def test_misfits_are_counted_with_examples() -> None:
    column = only_column(["1"] * 100 + ["abc", "x"], ["abc"])
    number = column.candidate("number")
    assert number is not None
    assert (number.fits, number.misfits, number.examples) == (100, 3, {"abc": 2, "x": 1})


def test_a_candidate_without_a_chance_is_given_up() -> None:
    assert only_column([f"x{number}" for number in range(30)]).candidate("number") is None


def test_words_for_null_are_counted() -> None:
    column = only_column(["1", "NA", "2"], ["NA", "-"], ["NA", " "])
    assert column.null_words == {"NA": 3, "-": 1, "": 1}
    number = column.candidate("number")
    assert number is not None
    assert (number.fits, number.misfits) == (2, 0)


def test_words_for_null_that_show_themselves_late_are_counted() -> None:
    column = only_column(["1"] * 10_000, ["NA", "2", "NA"], ["-", "NA"])
    assert column.null_words == {"NA": 3, "-": 1}
    number = column.candidate("number")
    assert number is not None
    assert (number.fits, number.misfits) == (10_001, 0)


@pytest.mark.parametrize("size", [1, 7, 100, 5_000, 20_000])
def test_the_size_of_blocks_makes_no_difference(size: int) -> None:
    texts = [str(number) for number in range(6_000)] + ["NA", "abc", " 7", "1.5"] + ["3"] * 6_000
    parts = [texts[begin : begin + size] for begin in range(0, len(texts), size)]
    if size == 1:
        parts = parts[5_990:6_050]
        texts = texts[5_990:6_050]
    column, whole = only_column(*parts), only_column(texts)
    found, expected = column.candidate("number"), whole.candidate("number")
    assert found is not None
    assert expected is not None
    assert (found.fits, found.misfits, found.examples) == (expected.fits, expected.misfits, expected.examples)
    assert (column.null_words, column.filled, column.padded) == (whole.null_words, whole.filled, whole.padded)


def test_a_frame_of_no_rows_changes_nothing() -> None:
    assert only_column([], ["1"]).filled == 1
