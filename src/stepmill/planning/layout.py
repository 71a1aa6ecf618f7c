"""What a plan means for the table: its columns, and the key that its rows are told apart by."""

from collections.abc import Sequence

from stepmill.errors import DataError
from stepmill.etl.plan.model import TransformPlan
from stepmill.warehouse.columns import Column
from stepmill.warehouse.ledger import Mode
from stepmill.warehouse.tables import Key


def columns_of(plan: TransformPlan) -> tuple[Column, ...]:
    """The plan's columns as the warehouse has them."""
    return tuple(
        Column(
            name=column.name,
            logical_name=column.view_name,
            type=column.type.value,
            sql_type=column.target.sql,
            nullable=column.nullable and column.name not in plan.key_columns,
            unit=column.unit,
        )
        for column in plan.columns
    )


def key_of(plan: TransformPlan, mode: Mode, key_columns: Sequence[str]) -> Key | None:
    """What the table is indexed by: the area's key; or else the plan's, or by partition its time column.

    Key columns may be named as in the source, in the view or in the table. Raises :class:`DataError`
    ``key_column_missing`` for one that the plan does not make, and for a mode that needs one without any.
    """
    known = {column.name: column.name for column in plan.columns}
    for column in plan.columns:
        known.setdefault(column.view_name, column.name)
        if len(column.source_columns) == 1:
            known.setdefault(column.source_columns[0], column.name)
    missing = [name for name in key_columns if name not in known]
    if missing:
        raise DataError(
            "key_column_missing",
            f"The area's key names {', '.join(map(repr, missing))}, which the plan does not make. "
            f"It makes {', '.join(repr(column.view_name) for column in plan.columns[:20])}.",
            details={"columns": missing},
        )
    is_partition = mode == "replacePartition"
    when = (plan.time_column,) if plan.time_column is not None else ()
    names = tuple(dict.fromkeys(known[name] for name in key_columns)) or (when if is_partition else plan.key_columns)
    if mode == "upsert" and not names:
        raise DataError(
            "key_column_missing", "An upsert needs the columns that tell rows apart: set the area's keyColumns."
        )
    if is_partition and not names:
        raise DataError(
            "key_column_missing",
            "To replace by partition, the columns that name a partition are needed: set the area's keyColumns, or the "
            "plan's timeColumn for one partition a day.",
        )
    return Key(names, unique=mode == "upsert", is_partition=is_partition) if names else None


def with_key(plan: TransformPlan, key: Key | None) -> TransformPlan:
    """The plan by which rows are rejected that lack a value for a key that has to have one."""
    if key is None or not key.must_have_values:
        return plan
    return plan.model_copy(update={"key_columns": key.columns})
