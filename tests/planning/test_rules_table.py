"""What the rules say of the table as a whole."""

import pytest

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.profile import CandidateFacts, ColumnProfile, SourceProfile
from stepmill.planning.rules import make_plan
from tests.planning.support import load

JSON = SourceFormat(format="jsonl")


def profile_of(*names: str) -> SourceProfile:
    return SourceProfile(0, 0, 0, tuple(ColumnProfile(name, 0, 0, 0, ()) for name in names))


def test_the_time_column_is_the_one_that_says_when() -> None:
    moments = ["2024-01-31T10:00:00Z", "2024-02-01T10:00:00Z"]
    assert load({"Timestamp": moments, "value": ["1", "2"], "created_at": moments}).plan.time_column == "timestamp"


@pytest.mark.parametrize(
    "columns",
    [
        {"last_update": ["2024-01-31T10:00:00Z"]},
        {"time": ["2024-01-31T10:00:00Z", ""]},
        {"time": ["2024-01-31T10:00:00Z", "NA"]},
        {"time": ["2024-01-31T10:00:00Z"], "ts": ["2024-01-31T10:00:00Z"]},
        {"time": ["10:00"]},
    ],
)
def test_there_is_no_time_column_where_that_is_not_clear(columns: dict[str, list[str]]) -> None:
    assert load(dict(columns)).plan.time_column is None


def test_no_key_is_guessed_and_every_column_may_be_null() -> None:
    plan = load({"id": ["1", "2"], "name": ["a", "b"]}).plan
    assert plan.key_columns == ()
    assert all(column.nullable for column in plan.columns)


def test_names_that_had_to_change_are_noted() -> None:
    loaded = load({"ctid": ["1"], "x" * 80: ["2"], "Order Date": ["2024-01-31"]})
    assert [column.view_name for column in loaded.plan.columns] == ["ctid_2", "x" * 63, "Order Date"]
    assert [note.column for note in loaded.plan.notes] == ["ctid_2", "x" * 63]
    assert loaded.codes() == {"name_changed"}


def test_empty_columns_are_text_and_noted() -> None:
    loaded = load({"a": ["", ""], "b": ["1", ""]})
    assert [column.target.sql for column in loaded.plan.columns] == ["text", "bigint"]
    assert loaded.codes() == {"all_empty"}


def test_records_that_could_not_be_split_leave_less_room_for_misfits_and_make_nothing_else_text() -> None:
    number = CandidateFacts("iso", 1_999, 1, {"x": 1}, {"type": "date"})
    clean = CandidateFacts("iso", 2_000, 0, {}, {"type": "date"})
    columns = (ColumnProfile("slip", 0, 2_000, 10, (number,)), ColumnProfile("clean", 0, 2_000, 10, (clean,)))

    def types(rejects: int) -> list[str]:
        return [column.type for column in make_plan(JSON, SourceProfile(2_000, rejects, 0, columns)).columns]

    assert types(rejects=10) == ["date", "date"]
    assert types(rejects=1_000) == ["text", "date"]


def test_a_source_without_columns_can_not_be_planned() -> None:
    with pytest.raises(DataError) as caught:
        make_plan(JSON, profile_of())
    assert caught.value.code == "no_columns"


def test_a_table_has_so_many_columns_at_most_and_the_rest_in_one() -> None:
    full = make_plan(JSON, profile_of(*(f"c{number}" for number in range(1_590))))
    assert [column.source for column in full.columns] == [f"c{number}" for number in range(1_590)]
    more = make_plan(JSON, profile_of("more_columns", *(f"c{number}" for number in range(1_590))))
    assert len(more.columns) == 1_590
    last = more.columns[-1]
    assert (last.name, last.type, last.source_columns) == ("more_columns_2", "json", ("c1588", "c1589"))
    assert (more.notes[0].code, more.notes[0].column) == ("packed_columns", "more_columns_2")
    few = make_plan(JSON, profile_of("a", "b", "c"), most=2)
    assert [column.source_columns for column in few.columns] == [("a",), ("b", "c")]
