"""The transform plan: how a source is read and what becomes of each of its columns.

A plan is data. It names no SQL and holds no code: what is not modelled here is refused, and its regular expressions
run in linear time.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stepmill.etl.plan.base import MAX_COLUMNS, Identifier, PlanModel, PlanText, ShortText, SourceName, wrong
from stepmill.etl.plan.conditions import Filter, condition_columns
from stepmill.etl.plan.mappings.arithmetic import Arithmetic
from stepmill.etl.plan.mappings.date_format import DateFormat
from stepmill.etl.plan.mappings.direct import Direct
from stepmill.etl.plan.mappings.union import TYPES_OF, CleanUp, ManyColumnsMapping, Mapping, OneColumnMapping
from stepmill.etl.plan.rejects import DEFAULT_REJECT_LIMIT, RejectLimit
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.plan.types import MAX_PRECISION, LogicalType, TargetType

NullSpellings = Annotated[tuple[ShortText, ...], Field(max_length=100)]


class PlanColumn(PlanModel):
    """One column of the table and how its values are made."""

    name: Identifier
    """The physical name."""
    logical_name: Identifier | None = None
    """The name that readers of the view see; the physical name if left out."""
    type: LogicalType
    """What the values are."""
    precision: Annotated[int, Field(ge=1, le=MAX_PRECISION)] | None = None
    """For a numeric: the number of digits; 38 if left out."""
    scale: Annotated[int, Field(ge=0, le=MAX_PRECISION)] | None = None
    """For a numeric: how many of the digits stand after the point; none if left out."""
    unit: ShortText | None = None
    """What the values are measured in, such as ``kg``; for people."""
    description: PlanText | None = None
    """What the column means; for people."""
    nullable: bool = True
    """Whether a row without a value is loaded. A key column always needs a value."""
    source: SourceName | None = None
    """The source column, for kinds of mapping that work on one."""
    prepare: Annotated[tuple[CleanUp, ...], Field(max_length=10)] = ()
    """Clean-ups of the source's text, in order, before the mapping: TRIM, CASE and REPLACE."""
    mapping: Mapping = Direct()
    """How the value is made."""
    null_values: NullSpellings = ()
    """Texts that mean no value, besides the empty one and the plan's ``nullValues``, before ``prepare`` or after it."""
    on_failure: Literal["rejectRow", "nullValue", "failLoad"] = "rejectRow"
    """What a value that does not fit does: its row is rejected, it becomes null (and is counted), or the load fails."""

    @property
    def target(self) -> TargetType:
        """The type with its precision and scale."""
        return TargetType(self.type, self.precision or MAX_PRECISION, self.scale or 0)

    @property
    def view_name(self) -> str:
        """The name in the view."""
        return self.logical_name or self.name

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The source columns the value is made from."""
        if isinstance(self.mapping, ManyColumnsMapping):
            return self.mapping.source_columns()
        return (self.source,) if self.source is not None else ()

    @model_validator(mode="after")
    def _source_where_needed(self) -> Self:
        if isinstance(self.mapping, OneColumnMapping):
            if self.source is None:
                raise wrong("/source", f"the mapping {self.mapping.kind} works on a source column, which is missing")
        elif self.source is not None or self.prepare:
            at = "/source" if self.source is not None else "/prepare"
            raise wrong(at, f"the mapping {self.mapping.kind} names its source columns itself; leave this out")
        return self

    @model_validator(mode="after")
    def _type_fits(self) -> Self:
        if self.type is not LogicalType.NUMERIC and (self.precision, self.scale) != (None, None):
            raise wrong("/type", "only a numeric has precision and scale")
        if self.target.scale > self.target.precision:
            raise wrong("/scale", f"a numeric of {self.target.precision} digits has at most as many after the point")
        allowed = TYPES_OF.get(type(self.mapping))
        if allowed is not None and self.type not in allowed:
            raise wrong("/type", f"the mapping {self.mapping.kind} gives {' or '.join(sorted(allowed))}")
        if isinstance(self.mapping, DateFormat) and (misfit := self.mapping.fits(self.type)):
            raise wrong(f"/mapping{misfit[0]}", misfit[1])
        if isinstance(self.mapping, Arithmetic) and self.type is LogicalType.INTEGER and self.mapping.divides():
            raise wrong("/type", "a division does not give whole numbers; take numeric or double")
        if isinstance(self.mapping, Direct) and self.mapping.non_finite and self.type is not LogicalType.DOUBLE:
            raise wrong("/mapping/nonFinite", "only a double can be NaN or infinite")
        return self


class Note(PlanModel):
    """Something that whoever made the plan wants to be known. It changes nothing."""

    code: ShortText
    """A stable name for the kind of note."""
    message: PlanText
    """A sentence."""
    column: Identifier | None = None
    """The column it is about."""


class TransformPlan(PlanModel):
    """How a source is read, and the columns of the table that is made of it."""

    schema_version: Literal[1] = 1
    """The version of this format of plans."""
    source: SourceFormat
    """How the source is read."""
    columns: Annotated[tuple[PlanColumn, ...], Field(min_length=1, max_length=MAX_COLUMNS)]
    """The table's columns, in order. In a table that is there already they keep their places, and new ones follow."""
    null_values: NullSpellings = ()
    """Texts that mean no value, in every column. The empty text always does."""
    filters: Annotated[tuple[Filter, ...], Field(max_length=100)] = ()
    """Which records are loaded: those that pass all filters. The others are counted as filtered."""
    key_columns: Annotated[tuple[Identifier, ...], Field(max_length=32)] = ()
    """Names of the columns that tell rows apart, for the load mode upsert."""
    time_column: Identifier | None = None
    """Name of the column that says when: a date, timestamp or timestamptz."""
    dimensions: Annotated[tuple[Identifier, ...], Field(max_length=100)] = ()
    """Names of the columns that one groups and filters by."""
    max_rejects: RejectLimit = DEFAULT_REJECT_LIMIT
    """How many rows may be rejected before the load fails: a number of rows, a share, or an object with both."""
    notes: Annotated[tuple[Note, ...], Field(max_length=10_000)] = ()
    """What the plan's maker wants to be known."""

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Every source column that is used, once, in the order of first use."""
        used = (name for column in self.columns for name in column.source_columns)
        filtered = (name for item in self.filters for name in condition_columns(item.where))
        return tuple(dict.fromkeys((*used, *filtered)))

    def column(self, name: str) -> PlanColumn:
        """The column of this physical name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for field, names in (
            ("name", [c.name for c in self.columns]),
            ("logicalName", [c.view_name for c in self.columns]),
        ):
            repeated = {name for name, count in Counter(names).items() if count > 1}
            for index in range(len(names) - 1, 0, -1):
                if names[index] in repeated:
                    raise wrong(f"/columns/{index}/{field}", f"the name {names[index]!r} is taken by an earlier column")
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        known = {column.name: column for column in self.columns}
        for field, names in (("keyColumns", self.key_columns), ("dimensions", self.dimensions)):
            for index, name in enumerate(names):
                if name not in known:
                    raise wrong(f"/{field}/{index}", f"there is no column {name!r}")
                if name in names[:index]:
                    raise wrong(f"/{field}/{index}", f"{name!r} is named twice")
        if self.time_column is not None:
            if self.time_column not in known:
                raise wrong("/timeColumn", f"there is no column {self.time_column!r}")
            if not known[self.time_column].type.is_temporal:
                raise wrong("/timeColumn", "the time column must be a date, timestamp or timestamptz")
        return self

    @model_validator(mode="after")
    def _sources_exist(self) -> Self:
        if not self.source.columns or not self.source.has_fixed_columns:
            return self
        known = set(self.source.columns)
        for index, column in enumerate(self.columns):
            for name in column.source_columns:
                if name not in known:
                    place = "source" if column.source is not None else "mapping"
                    raise wrong(f"/columns/{index}/{place}", f"the source has no column {name!r}")
        for index, item in enumerate(self.filters):
            _check_filter(index, condition_columns(item.where), known)
        return self


def _check_filter(index: int, names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise wrong(f"/filters/{index}/where", f"the source has no column {name!r}")
