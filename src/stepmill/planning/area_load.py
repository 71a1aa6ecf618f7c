"""One job's load into an area's table: the version of the plan that its rows are typed by, and the target with them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from stepmill.engine import Output, StepContext
from stepmill.etl.fill import fill_from_file, fill_from_rejects, hold_from_file
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.parse import stored_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.follow_plan import is_same_table
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.drift import is_read_alike, lacking, may_lack, with_failures
from stepmill.planning.examine import examine_misfits
from stepmill.planning.filling import Destination, Filled, Rows, filled_target, held_target
from stepmill.planning.layout import key_of, with_key
from stepmill.planning.reading import TEXT, plan_of_version
from stepmill.planning.widening import filled_as_values_ask
from stepmill.store import files
from stepmill.store.areas import Area, SchemaChange
from stepmill.warehouse.ledger import Mode
from stepmill.warehouse.tables import Key, Owner, PhysicalTable
from stepmill.warehouse.targets import Place, Target, find_place

_SMALL_BYTES = 512 * 1024


class HowRead(Output):
    """How the rows are read, by which plan, and what they do to the table."""

    plan_version: int
    mode: Mode
    key_columns: tuple[str, ...]
    file_name: str | None
    source: dict[str, Any] | None = None  # null for rejects, which are rows already
    records: int | None = None
    stored_bytes: int | None = None
    is_decoded: bool = False  # then the text is the artifact of Extract
    schema_change: SchemaChange = "evolve"


class AreaLoad:
    """The load, as one step of its job works at it: what it has asked for once it does not ask for again."""

    def __init__(self, ctx: StepContext[Any], area: Area, how: HowRead, *, file_id: str, replay_of: str | None) -> None:
        self._ctx = ctx
        self._area = area
        self._how = how
        self._file_id = file_id
        self._replay_of = replay_of
        self._form = SourceFormat.model_validate(how.source) if how.source is not None else None
        self._plans: dict[int, TransformPlan] = {}
        self._location: BlobLocation | None = None

    async def place(self) -> Place | None:
        """Where few rows could join the table with no target in the books; None if that can't be."""
        key = await self.key(self._how.plan_version)
        is_compared = key is not None and key.must_have_values  # with the rows that are there: in tables, both
        if is_compared or self._how.mode == "replace" or not self._is_small():
            return None
        owner = Owner("area", self._area.area_id)
        return await find_place(self._ctx.gateways.sql, self._ctx.tenant_id, self._ctx.env_id, owner, self._ctx.job_id)

    async def plan(self, version: int) -> TransformPlan:
        """A version of the area's plan."""
        if version not in self._plans:
            self._plans[version] = await plan_of_version(self._ctx, self._area.area_id, version)
        return self._plans[version]

    async def key(self, version: int) -> Key | None:
        """What tells rows apart by that version."""
        return key_of(await self.plan(version), self._how.mode, self._how.key_columns)

    async def typed(self, begun: Target | None, place: Place | None) -> tuple[Filled, int]:
        """The job's target, and the plan's version by which it is filled: one that the values fit, if the area evolves.

        ``begun`` is the target as an earlier attempt left it. Few rows for ``place`` are held.
        """
        how = self._how
        fill = partial(self.filled, place=place)
        if how.schema_change != "evolve" or how.source is None:
            return await fill(how.plan_version), how.plan_version
        version = max(how.plan_version, begun.plan_version) if begun is not None else how.plan_version

        async def examine(plan: dict[str, Any]) -> dict[str, Any]:
            key = key_of(stored_plan(plan), how.mode, how.key_columns)
            keys = list(key.columns) if key is not None else []
            assert self._form is not None
            missing = lacking(stored_plan(plan), self._form)  # another load may have added columns meanwhile
            return await self._ctx.compute(examine_misfits, await self._text(), how.source, plan, missing, keys)

        return await filled_as_values_ask(
            self._ctx, self._area.area_id, version, fill, examine, self._follows, self.plan
        )

    async def version_to_show(self, version: int, table: PhysicalTable | None) -> int:
        """The version by which this job's rows are there; the table's if the area evolved since, not to undo that."""
        newer = table.plan_version if table is not None else None
        if self._how.schema_change != "evolve" or newer is None or newer <= version:
            return version
        return newer if await self._follows(newer) else version

    async def filled(self, version: int, place: Place | None = None) -> Filled:
        """The target with all rows, typed by a version; few rows for ``place`` are held in it. Safe to repeat."""
        rows = await self._rows(await self.plan(version), version)
        destination = await self._destination(version)
        held = await held_target(self._ctx, destination, rows, place)
        return held or await filled_target(self._ctx, destination, rows)

    async def _follows(self, newer: int) -> bool:
        """Whether the rows can be read by another version, too: in the same way, and with all that it needs."""
        if self._form is None:
            return True
        plan, ours = await self.plan(newer), await self.plan(self._how.plan_version)
        missing = lacking(plan, self._form)
        lackable = may_lack(plan, self._how.mode, self._how.key_columns, self._how.schema_change)
        return is_read_alike(plan, ours) and is_same_table(missing, plan.source_columns, lackable)

    async def _destination(self, version: int) -> Destination:
        area = self._area
        return Destination(
            owner=Owner("area", area.area_id),
            logical_name=area.name,
            phys_id=area.phys_id,
            key=await self.key(version),
        )

    async def _rows(self, plan: TransformPlan, version: int) -> Rows:
        how = self._how
        fill: Callable[..., dict[str, Any]] = fill_from_rejects
        args: tuple[Any, ...] = (self._replay_of,)
        missing: Sequence[str] = ()
        if self._form is not None:
            fill, args = fill_from_file, (await self._text(), how.source)
            missing = lacking(plan, self._form)
        keyed = with_key(plan, await self.key(version))
        return Rows(
            plan=with_failures(keyed, how.schema_change),
            plan_version=version,
            limit=plan.max_rejects,
            expected=how.records,
            stored_bytes=how.stored_bytes,
            source={
                "fileId": self._file_id,
                "format": how.source,
                "replayOf": self._replay_of,
                "schemaChange": how.schema_change,
            },
            fill=fill,
            args=args,
            missing=tuple(missing),  # what it may not lack, Extract has refused
            refuses_unknown=how.schema_change == "discardRow",
            hold=hold_from_file if self._is_small() else None,
        )

    def _is_small(self) -> bool:
        """Whether the file's rows need no table of their own. What is packed may be much more than it seems."""
        form, size = self._form, self._how.stored_bytes
        if form is None or size is None or size > _SMALL_BYTES:
            return False
        return form.compression == form.archive == "none" and form.format in ("csv", "json", "jsonl")

    async def _text(self) -> BlobLocation:
        ctx = self._ctx
        if self._how.is_decoded:
            return ctx.artifacts.location(TEXT)
        if self._location is None:
            file = await ctx.once(
                f"file {self._file_id}",
                lambda: files.get(ctx.gateways.documents, ctx.tenant_id, ctx.env_id, self._file_id),
            )
            self._location = ctx.gateways.blobs.location(file.blob_path)
        return self._location
