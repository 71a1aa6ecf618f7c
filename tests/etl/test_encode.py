"""Every type there and back over a real PostgreSQL: what is typed from text is what the table gives."""

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from stepmill.etl.encode import CopyEncoder
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.typed import TypedBlock
from tests.etl.support import plan_of, typed

Connection = psycopg.Connection[tuple[Any, ...]]

_text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1)
_moment = st.datetimes(min_value=dt.datetime(1, 1, 1), max_value=dt.datetime(9999, 12, 31, 23, 59, 59, 999_999))
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=8,
)

STRATEGIES: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    "boolean": (st.booleans(), str),
    "integer": (st.integers(-(2**63), 2**63 - 1), str),
    "numeric": (
        st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**32), max_value=10**32),
        str,
    ),
    "double": (st.floats(), repr),
    "text": (_text, str),
    "date": (st.dates(), str),
    "time": (st.times(), str),
    "timestamp": (_moment, lambda value: value.isoformat()),
    "timestamptz": (_moment.map(lambda value: value.replace(tzinfo=dt.UTC)), lambda value: value.isoformat(" ")),
    "uuid": (st.uuids(), str),
    "json": (_json, json.dumps),
}


@pytest.fixture(scope="module")
def connection(database_server: Any) -> Iterator[Connection]:
    with database_server.empty() as url, psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


def plan_of_type(logical: str) -> TransformPlan:
    column: dict[str, Any] = {"name": "value", "source": "c", "type": logical}
    if logical == "numeric":
        column |= {"precision": 38, "scale": 5}
    if logical == "double":
        column["mapping"] = {"kind": "DIRECT", "nonFinite": True}
    return plan_of(["c"], column)


def copied(connection: Connection, plan: TransformPlan, block: TypedBlock) -> list[tuple[Any, ...]]:
    """The rows of a table into which the block was copied, in their order."""
    hidden = ("_load_id", "_ordinal")
    encoder = CopyEncoder(plan, hidden)
    types = [column.target.sql for column in plan.columns] + ["bigint", "bigint"]
    names = [sql.Identifier(name) for name in (*(column.name for column in plan.columns), *hidden)]
    columns = [sql.SQL("{} {}").format(name, sql.SQL(kind)) for name, kind in zip(names, types, strict=True)]
    connection.execute("DROP TABLE IF EXISTS target")
    connection.execute(sql.SQL("CREATE TABLE target ({})").format(sql.SQL(", ").join(columns)))
    command = sql.SQL("COPY target ({}) FROM STDIN (FORMAT BINARY)").format(sql.SQL(", ").join(names))
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        copy.write(encoder.header())
        for piece in encoder.encode(block.frame, {"_load_id": 7, "_ordinal": block.ordinals}):
            copy.write(piece)
        copy.write(encoder.trailer())
    return connection.execute("SELECT * FROM target ORDER BY _ordinal").fetchall()


@pytest.mark.parametrize("logical", STRATEGIES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_values_come_back_as_they_were(logical: str, data: st.DataObject, connection: Connection) -> None:
    values, write = STRATEGIES[logical]
    rows = data.draw(st.lists(st.none() | values, min_size=1, max_size=60))
    plan = plan_of_type(logical)
    block = typed(plan, {"c": ["" if row is None else write(row) for row in rows]})

    assert block.rejects == []
    back = copied(connection, plan, block)
    assert [(load_id, ordinal) for _, load_id, ordinal in back] == [(7, index) for index in range(len(rows))]
    for row, (value, _, _) in zip(rows, back, strict=True):
        same = repr(value) == repr(row) if logical == "double" else value == row  # NaN is not itself, and -0.0 is 0.0
        assert same, (row, value)


def test_the_types_of_the_table_are_those_of_the_plan(connection: Connection) -> None:
    columns = [{"name": logical, "source": "c", "type": logical} for logical in STRATEGIES]
    plan = plan_of(["c"], *columns)
    copied(connection, plan, typed(plan, {"c": [""]}))
    found = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'target'::regclass AND attnum > 0 AND attname NOT LIKE '\\_%' ORDER BY attnum"
    ).fetchall()
    assert found == [(column.name, column.target.sql) for column in plan.columns]


def test_a_block_of_many_pieces_and_an_empty_one(connection: Connection) -> None:
    plan = plan_of(["a", "b"], {"source": "a", "type": "integer"}, {"source": "b", "type": "text"})
    count = 40_000
    block = typed(
        plan, {"a": [str(number) for number in range(count)], "b": ["é" * (number % 7) for number in range(count)]}
    )
    back = copied(connection, plan, block)
    assert len(back) == count
    assert back[39_999][:2] == (39_999, "é")
    assert back[7][:2] == (7, None)
    assert copied(connection, plan, typed(plan, {"a": [], "b": []})) == []


def test_numerics_at_the_edge(connection: Connection) -> None:
    plan = plan_of(["c"], {"source": "c", "type": "numeric", "precision": 38, "scale": 0})
    edge = "9" * 38
    back = copied(connection, plan, typed(plan, {"c": [edge, f"-{edge}", "0", "-0"]}))
    assert [row[0] for row in back] == [Decimal(edge), Decimal(f"-{edge}"), Decimal(0), Decimal(0)]


def test_uuids_in_all_spellings(connection: Connection) -> None:
    value = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
    plan = plan_of(["c"], {"source": "c", "type": "uuid"})
    texts = [str(value), str(value).upper(), value.hex, f"{{{value}}}", f" {value} "]
    assert {row[0] for row in copied(connection, plan, typed(plan, {"c": texts}))} == {value}
