"""Rows that would be larger than a page: which columns fit is what PostgreSQL says, and the rest keeps its values."""

import random
from collections.abc import Iterator

import polars as pl
import psycopg
import pytest
from psycopg import sql

from stepmill.etl.plan.model import PlanColumn, TransformPlan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.plan.types import LogicalType
from stepmill.etl.readers.block import BlockStart, RawBlock
from stepmill.planning.wide import columns_that_fit

SQL_TYPES = {
    LogicalType.TEXT: "text",
    LogicalType.INTEGER: "bigint",
    LogicalType.BOOLEAN: "boolean",
    LogicalType.DATE: "date",
    LogicalType.NUMERIC: "numeric(38,9)",
    LogicalType.UUID: "uuid",
    LogicalType.JSON: "jsonb",
}


def values_of(kind: LogicalType, random: random.Random) -> str:
    match kind:
        case LogicalType.TEXT:
            return "x" * random.choice([1, 3, 10, 22, 23, 24, 25, 60, 200])
        case LogicalType.INTEGER:
            return str(random.randrange(10**18))
        case LogicalType.BOOLEAN:
            return random.choice(["true", "false"])
        case LogicalType.DATE:
            return "2024-02-29"
        case LogicalType.NUMERIC:
            return f"{random.randrange(10 ** random.randrange(1, 29))}.{random.randrange(10**9):09}"
        case LogicalType.UUID:
            return "0190b1c2-0000-7000-8000-000000000001"
        case _:
            return random.choice(['{"a":1,"b":"two","c":[true,null,1.5]}', "[1,2,3]", "{}", '{"k":"' + "v" * 90 + '"}'])


def block_of(frame: pl.DataFrame) -> Iterator[RawBlock]:
    place = BlockStart(0, 1, 0)
    yield RawBlock(frame, pl.Series([1], dtype=pl.UInt64), [], 0, start=place, next=place)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_said_to_fit_fits(database_url: str, seed: int) -> None:
    """And not much more would: a third of the page at most is left free."""
    generator = random.Random(seed)
    kinds = [*SQL_TYPES] if seed else [LogicalType.TEXT]
    chosen = [generator.choice(kinds) for _ in range(1_580)]
    columns = [PlanColumn(name=f"c{n}", type=kind, source=f"c{n}") for n, kind in enumerate(chosen)]
    texts = [values_of(kind, generator) if generator.random() < 0.9 else "" for kind in chosen]
    frame = pl.DataFrame({f"c{n}": [text] for n, text in enumerate(texts)})
    source = SourceFormat(format="csv", columns=tuple(frame.columns))
    plan = TransformPlan(source=source, columns=tuple(columns))
    fit = columns_that_fit(plan, block_of(frame))
    assert 327 <= fit < 1_580
    with psycopg.connect(database_url) as connection:
        store(connection, chosen[:fit], texts[:fit])
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            store(connection, chosen[: fit * 3 // 2], texts[: fit * 3 // 2])


def store(connection: psycopg.Connection[tuple[object, ...]], kinds: list[LogicalType], texts: list[str]) -> None:
    names = ["_load_id", *(f"c{n}" for n in range(len(kinds)))]
    types = ["bigint", *(SQL_TYPES[kind] for kind in kinds)]
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in zip(names, types, strict=True)
    )
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("CREATE TEMPORARY TABLE wide ({})").format(columns))
        marks = sql.SQL(", ").join(sql.SQL("%s::") + sql.SQL(kind) for kind in types)
        connection.cursor(binary=False).execute(
            sql.SQL("INSERT INTO wide VALUES ({})").format(marks), [1, *(text or None for text in texts)]
        )
