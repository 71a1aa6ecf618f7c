"""What becomes of a plan when a file has other columns, or other values, than the plan knows.

An area says by ``schemaChange`` what is done then. ``evolve``, the default: new columns are added, those that are gone
are left empty, numbers become wide enough. ``freeze``: the job ends. ``discardRow``: rows that do not fit are rejected.
``discardValue``: values that do not fit are left out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from stepmill.errors import DataError
from stepmill.etl.plan.base import MAX_COLUMNS
from stepmill.etl.plan.conditions import condition_columns
from stepmill.etl.plan.mappings.boolean_map import BooleanMap
from stepmill.etl.plan.mappings.date_format import DateFormat
from stepmill.etl.plan.mappings.direct import Direct
from stepmill.etl.plan.mappings.json_object import JsonObject
from stepmill.etl.plan.mappings.number_format import NumberFormat
from stepmill.etl.plan.model import Note, PlanColumn, TransformPlan
from stepmill.etl.plan.parse import dump_plan, parse_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.plan.types import LogicalType
from stepmill.etl.profile import SourceProfile
from stepmill.planning.names import added_names, physical_names
from stepmill.planning.rules import packed_column
from stepmill.planning.rules_choice import quoted
from stepmill.planning.wider_numbers import may_widen, wider_number
from stepmill.store.areas import LoadMode, SchemaChange

_FAILURES: Mapping[str, Literal["nullValue", "failLoad"]] = {"freeze": "failLoad", "discardValue": "nullValue"}
_MOST_NAMED = 20
_SPELLINGS = (Direct, DateFormat, NumberFormat, BooleanMap)


@dataclass(frozen=True)
class Change:
    """One change of a plan that a file asked for: a stable code, a sentence, and the column."""

    code: str
    message: str
    column: str

    def as_json(self) -> dict[str, str]:
        """For an event."""
        return asdict(self)


def may_lack(
    plan: TransformPlan, mode: LoadMode, key_columns: Collection[str], change: SchemaChange
) -> tuple[str, ...]:
    """The source columns that a file need not have: nothing needs them that must have a value.

    None in an upsert, whose rows would lose what is there, and none of a file without a header, whose columns are told
    by their places.
    """
    is_by_place = plan.source.has_layout and not plan.source.header_rows
    if change not in ("evolve", "discardValue") or mode == "upsert" or is_by_place:
        return ()
    keys = {*key_columns, *plan.key_columns}
    if mode == "replacePartition" and plan.time_column is not None:
        keys.add(plan.time_column)
    needed = {name for each in plan.filters for name in condition_columns(each.where)}
    for column in plan.columns:
        if not column.nullable or {column.name, column.view_name, *column.source_columns} & keys:
            needed.update(column.source_columns)
    return tuple(name for name in plan.source_columns if name not in needed)


def lacking(plan: TransformPlan, source: SourceFormat) -> list[str]:
    """The source columns that the plan needs and a file lacks. In JSON a field may be missing in each record."""
    return [name for name in plan.source_columns if name not in source.columns] if source.has_fixed_columns else []


def is_read_alike(plan: TransformPlan, other: TransformPlan) -> bool:
    """Whether two versions read a source in the same way, the columns that they know apart."""
    sources = [each.source.model_copy(update={"columns": ()}) for each in (plan, other)]
    return sources[0] == sources[1]


def refuse_renamed(plan: TransformPlan, missing: Collection[str], new: Sequence[str]) -> None:
    """Raise DataError ``missing_columns`` if a new column has the name of a missing one but for its spelling."""
    gone = {column.name: column.source for column in plan.columns if column.source in missing}
    for name, header in zip(physical_names(list(new)), new, strict=True):
        if name in gone:
            raise DataError(
                "missing_columns",
                f"The file has {header!r} and lacks {gone[name]!r}: the column seems to be renamed. Name it in the plan"
                " as it is now.",
                details={"columns": [gone[name]]},
            )


def new_columns(plan: TransformPlan, found: Sequence[str]) -> tuple[str, ...]:
    """The source columns that the plan does not know; none where it does not say which it knows."""
    known = set(plan.source.columns)
    return tuple(name for name in found if name not in known) if known else ()


def refuse_new(names: Sequence[str]) -> DataError:
    """The error for an area whose columns are frozen."""
    named = ", ".join(map(repr, names[:_MOST_NAMED]))
    return DataError(
        "columns_frozen",
        f"The file has columns that the plan does not know: {named}. The area's columns are frozen: add them to the "
        "plan, or let the area evolve.",
        details={"columns": list(names[:100])},
    )


def with_failures(plan: TransformPlan, change: SchemaChange) -> TransformPlan:
    """The plan by which values that do not fit end the load, or are left out, where a column does not say otherwise."""
    failure = _FAILURES.get(change)
    if failure is None:
        return plan
    columns = tuple(
        column.model_copy(update={"on_failure": failure}) if column.on_failure == "rejectRow" else column
        for column in plan.columns
    )
    return plan.model_copy(update={"columns": columns})


def with_new_columns(
    plan: TransformPlan, made: TransformPlan, new: Sequence[str]
) -> tuple[TransformPlan, list[Change]]:
    """The plan with the columns that another one, made of the file, has for these source columns.

    Those for which the table has no room are put with others into one, as JSON. Raises DataError ``too_many_columns``
    where there is no room for that one, either.
    """
    full = next((column for column in plan.columns if isinstance(column.mapping, JsonObject)), None)
    room = 0 if full is not None else MAX_COLUMNS - len(plan.columns)
    added = [column for column in made.columns if column.source in new]
    added = added if len(added) == len(new) <= room else added[: max(0, room - 1)]
    columns, notes = _renamed(plan, made, added)
    changes = [
        Change("column_added", f"{quoted(column.source or '')} is new; it became {column.type}.", column.name)
        for column in columns
    ]
    columns = [*plan.columns, *columns]
    packed = [name for name in new if name not in {column.source for column in added}]
    if packed:
        columns, name = _with_packed(columns, full, packed)
        changes += [
            Change("column_added", f"{quoted(each)} is new; it went into {quoted(name)}.", name) for each in packed
        ]
    source = plan.source.model_copy(update={"columns": (*plan.source.columns, *new), "starts": ()})
    evolved = plan.model_copy(update={"columns": tuple(columns), "source": source})
    return _noted(evolved, changes, notes), changes


def _renamed(
    plan: TransformPlan, made: TransformPlan, added: Sequence[PlanColumn]
) -> tuple[list[PlanColumn], list[Note]]:
    """Columns of another plan and what it notes of them, called otherwise than those that are there."""
    names = added_names([column.name for column in added], [column.name for column in plan.columns])
    views = added_names([column.view_name for column in added], [column.view_name for column in plan.columns])
    renamed = {
        column.name: column.model_copy(update={"name": name, "logical_name": view})
        for column, name, view in zip(added, names, views, strict=True)
    }
    notes = [
        note.model_copy(update={"column": renamed[note.column].name}) for note in made.notes if note.column in renamed
    ]
    return list(renamed.values()), notes


def _with_packed(
    columns: Sequence[PlanColumn], full: PlanColumn | None, sources: Sequence[str]
) -> tuple[list[PlanColumn], str]:
    """The columns with these sources in one of them, ``full`` if that is there, and its name."""
    if full is not None and isinstance(full.mapping, JsonObject):
        mapping = full.mapping.model_copy(update={"columns": (*full.mapping.columns, *sources)})
        wider = full.model_copy(update={"mapping": mapping})
        return [wider if column is full else column for column in columns], full.name
    if len(columns) >= MAX_COLUMNS:
        raise DataError(
            "too_many_columns",
            f"With its {len(sources):,} new columns the table would have more than {MAX_COLUMNS:,}.",
            details={"columns": len(columns) + len(sources), "limit": MAX_COLUMNS},
        )
    column = packed_column(sources, columns)
    return [*columns, column], column.name


def widened(
    plan: TransformPlan, profile: SourceProfile, misfits: Mapping[str, int], *, to_text: Collection[str]
) -> tuple[TransformPlan, list[Change]]:
    """The plan with types that these columns' values fit, as far as their kind allows it.

    ``misfits`` says of which columns values did not fit, by physical name. A number stays a number as long as the
    values are; ``to_text`` may become text.
    """
    columns, changes = [], []
    for column in plan.columns:
        wider = None
        if misfits.get(column.name) and column.source is not None:
            profiled = next((each for each in profile.columns if each.name == column.source), None)
            wider = wider_number(column, profiled) if profiled is not None and may_widen(column) else None
            if wider is None and column.name in to_text:
                wider = _as_text(column)
        if wider is not None:
            message = f"Values no longer fit {column.target.sql}; the column became {wider.target.sql}."
            changes.append(Change("column_widened", message, column.name))
        columns.append(wider or column)
    return _noted(plan.model_copy(update={"columns": tuple(columns)}), changes, []), changes


def _as_text(column: PlanColumn) -> PlanColumn | None:
    """As the value stands in the source, if the column is no more than another spelling of that."""
    if column.type is LogicalType.TEXT or not isinstance(column.mapping, _SPELLINGS):
        return None
    return column.model_copy(
        update={"type": LogicalType.TEXT, "precision": None, "scale": None, "unit": None, "mapping": Direct()}
    )


def _noted(plan: TransformPlan, changes: Sequence[Change], notes: Sequence[Note]) -> TransformPlan:
    """With notes of what was changed; checked as any plan is."""
    said = tuple(Note(code=change.code, message=change.message, column=change.column) for change in changes)
    update = {"notes": (*plan.notes, *notes, *said)}
    return parse_plan(dump_plan(plan.model_copy(update=update)))
