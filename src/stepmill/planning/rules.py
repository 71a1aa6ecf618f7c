"""Plans by rules: names, types and mappings from the profile of a whole file. The same profile gives the same plan.

The rules for one column are in ``rules_columns``, for numbers in ``rules_numbers`` and ``rules_local_numbers``, for
dates in ``rules_dates``, for names in ``names``. For the table as a whole:

- Every column may be null: that none is missing in this file says nothing about the next.
- Words for null (``NA``, ``-``, ``NULL`` …) mean null in columns with a type; in text columns they are text.
- The time column is the one timestamp that is never missing and whose name says when the row's thing happened.
- There is no key: values that are unique in one file prove nothing.
- The rows that few misfits cost stay below the plan's reject limit; columns beyond it are text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stepmill.errors import DataError
from stepmill.etl.plan.base import MAX_COLUMNS
from stepmill.etl.plan.mappings.json_object import JsonObject
from stepmill.etl.plan.mappings.trim import Trim
from stepmill.etl.plan.model import Note, PlanColumn, TransformPlan
from stepmill.etl.plan.rejects import DEFAULT_REJECT_LIMIT
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.plan.types import LogicalType, TargetType
from stepmill.etl.profile import CandidateFacts, ColumnProfile, SourceProfile
from stepmill.planning.names import added_names, logical_names, physical_names
from stepmill.planning.rules_choice import Choice, Habits, Remark, as_declared, quoted, text_because
from stepmill.planning.rules_columns import choose, holding
from stepmill.planning.rules_dates import date_candidates_of, order_of
from stepmill.planning.rules_local_numbers import decimal_mark_of
from stepmill.planning.rules_words import names_event_time

_SHOWN_EXAMPLES = 5
_SHOWN_NAME = 200
_PACKED = "more_columns"
_NOTHING_DECLARED: Mapping[str, TargetType] = {}


@dataclass(frozen=True)
class _Chosen:
    profile: ColumnProfile
    header: str
    name: str
    logical_name: str
    choice: Choice
    kind: CandidateFacts | None

    @property
    def misfits(self) -> int:
        return self.kind.misfits if self.kind else self.profile.nul_values


def make_plan(
    source: SourceFormat,
    profile: SourceProfile,
    declared: Mapping[str, TargetType] = _NOTHING_DECLARED,
    *,
    most: int = MAX_COLUMNS,
) -> TransformPlan:
    """The plan for a source with this profile. Columns whose types it ``declared`` have those.

    It has at most ``most`` columns: further ones of the source are in the last of these together, as JSON. Raises
    DataError ``no_columns`` for a source without any.
    """
    if not profile.columns:
        raise DataError("no_columns", "The file has no records and names no columns, so there is nothing to load.")
    headers = [_header(source, column.name) for column in profile.columns]
    habits = _habits(profile)
    chosen = []
    names = zip(headers, physical_names(headers), logical_names(headers), strict=True)
    for column, (header, name, logical) in zip(profile.columns, names, strict=True):
        said = declared.get(column.name)
        choice, kind = choose(column, name, habits) if said is None else (as_declared(said), None)
        chosen.append(_Chosen(column, header, name, logical, choice, kind))
    packed = [item.profile.name for item in chosen[most - 1 :]] if len(chosen) > most else []
    chosen = _within_limit(chosen[: most - 1] if packed else chosen, profile)
    columns = [_column(item) for item in chosen]
    notes = [
        Note(code=remark.code, message=remark.message, column=item.name) for item in chosen for remark in _remarks(item)
    ]
    if packed:
        columns.append(packed_column(packed, columns))
        notes.insert(0, _packed_note(packed, columns[-1].name))
    return TransformPlan(
        source=source,
        columns=tuple(columns),
        time_column=_time_column(chosen, profile),
        notes=tuple(notes),
    )


def packed_column(sources: Sequence[str], others: Sequence[PlanColumn]) -> PlanColumn:
    """One column with all of these source columns, called otherwise than the others."""
    (name,) = added_names([_PACKED], [*(column.name for column in others), *(column.view_name for column in others)])
    return PlanColumn(name=name, type=LogicalType.JSON, mapping=JsonObject(kind="JSON_OBJECT", columns=tuple(sources)))


def _packed_note(sources: Sequence[str], name: str) -> Note:
    message = (
        f"A row with all columns would be larger than PostgreSQL can store: {len(sources):,} of them, from"
        f" {quoted(sources[0][:_SHOWN_NAME])} on, are fields of {quoted(name)}, as texts."
    )
    return Note(code="packed_columns", message=message, column=name)


def _header(source: SourceFormat, name: str) -> str:
    """What a column is called: of XML without the mark of an attribute, or of an element's own text."""
    return name.lstrip("@#") or name if source.format == "xml" else name


def _habits(profile: SourceProfile) -> Habits:
    orders = {order_of(date_candidates_of(holding(column))) for column in profile.columns} - {None}
    marks = {decimal_mark_of(column) for column in profile.columns} - {None}
    return Habits(
        date_order=orders.pop() if len(orders) == 1 else None,
        decimal_mark=marks.pop() if len(marks) == 1 else None,
    )


def _within_limit(chosen: list[_Chosen], profile: SourceProfile) -> list[_Chosen]:
    """Make columns text, those with the most misfits first, until few enough rows are rejected whatever happens."""
    room = max(0, DEFAULT_REJECT_LIMIT.allowed(profile.rows + profile.rejects) - profile.rejects)
    kept: set[str] = set()
    for item in sorted(chosen, key=lambda item: item.misfits):
        if item.kind is None or item.misfits <= room:
            room -= item.misfits
            kept.add(item.name)
    return [item if item.name in kept else _as_text(item) for item in chosen]


def _as_text(item: _Chosen) -> _Chosen:
    message = f"Too many values to be rejected ({item.misfits:,}) are not {item.choice.type}, so the column is text."
    return replace(item, choice=text_because("mixed_values", message), kind=None)


def _column(item: _Chosen) -> PlanColumn:
    choice = item.choice
    nulls = [word for word in item.profile.null_words if word] if item.kind is not None else []
    return PlanColumn(
        name=item.name,
        logical_name=item.logical_name,
        type=choice.type,
        precision=choice.precision,
        scale=choice.scale,
        unit=choice.unit,
        source=item.profile.name,
        prepare=(Trim(kind="TRIM"),) if item.kind is not None and item.profile.padded else (),
        mapping=choice.mapping,
        null_values=tuple(sorted({*nulls, *choice.non_values})),
    )


def _time_column(chosen: list[_Chosen], profile: SourceProfile) -> str | None:
    moments = {LogicalType.TIMESTAMP, LogicalType.TIMESTAMPTZ}
    found = [
        item
        for item in chosen
        if item.choice.type in moments
        and names_event_time(item.name)
        and item.profile.filled == profile.rows > 0
        and not item.profile.null_words
    ]
    return found[0].name if len(found) == 1 else None


def _remarks(item: _Chosen) -> list[Remark]:
    """What is to be said of a column: what its rules said, and what is true of columns of every kind."""
    remarks = list(item.choice.remarks)
    profile = item.profile
    if item.kind is not None:
        remarks += [*_null_words(profile), *_misfits(item.choice, item.kind)]
    elif profile.nul_values:
        message = f"Values with the character NUL can't be stored; to be rejected: {profile.nul_values:,} values."
        remarks.append(Remark("nul_characters", message))
    if not profile.filled and item.choice.type is LogicalType.TEXT:
        remarks.append(Remark("all_empty", "No row has a value, so the column is text."))
    if item.logical_name != item.header:
        before, after = quoted(item.header[:_SHOWN_NAME]), quoted(item.logical_name)
        remarks.append(Remark("name_changed", f"The name {before} is too long, taken or reserved; it became {after}."))
    return remarks


def _null_words(profile: ColumnProfile) -> Iterator[Remark]:
    words = {word: count for word, count in profile.null_words.items() if word}
    if words:
        named = ", ".join(f"{quoted(word)} ({count:,})" for word, count in words.items())
        yield Remark("null_words", f"Read as null: {named}.")


def _misfits(choice: Choice, kind: CandidateFacts) -> Iterator[Remark]:
    if kind.misfits:
        examples = ", ".join(quoted(text) for text in list(kind.examples)[:_SHOWN_EXAMPLES])
        total = kind.fits + kind.misfits
        message = f"Not {choice.type}, so to be rejected: {kind.misfits:,} of {total:,} values, such as {examples}."
        yield Remark("misfits", message)
