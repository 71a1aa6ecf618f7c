"""FILE_ETL: load one file of an area into the area's table.

Extract decides how the file is read and by which plan, Transform fills a table that nobody sees, Load shows it to
readers at one instant together with its row in the ledger. Each is safe to repeat: Extract reads the stored plan,
Transform goes on at the chunk where it was cut off, Load is one commit. With ``replayOf`` the rows are those that an
earlier load rejected.
"""

from datetime import timedelta
from functools import partial
from typing import Literal

from pydantic import Field

from stepmill.engine import EnvParams, JobType, Output, Step, StepContext, Transaction
from stepmill.errors import ConflictError, NotFoundError
from stepmill.planning.area_load import AreaLoad, HowRead
from stepmill.planning.fetch import fetched
from stepmill.planning.layout import key_of
from stepmill.planning.reading import read_by_plan
from stepmill.store import areas, files, plans
from stepmill.store.areas import Area
from stepmill.warehouse.bring_in import bring_in
from stepmill.warehouse.ledger import LoadEntry, get_load
from stepmill.warehouse.load import Load, find_instead
from stepmill.warehouse.tables import Owner, find_table
from stepmill.warehouse.targets import Target, discard_target, find_target, read_filled

_AREA, _HELD = "area", "held target"


class FileEtlParams(EnvParams):
    """What to load."""

    file_id: str = Field(min_length=1, max_length=200, description="The file.")
    area_id: str = Field(min_length=1, max_length=200, description="The area that the file is in.")
    on_busy: Literal["wait", "fail"] = Field(
        default="wait", description="What to do while another job shows its load of the same table."
    )
    allow_small: bool = Field(
        default=False, description="Replace even by no rows, or by far fewer than the last load's."
    )
    replay_of: str | None = Field(
        default=None, max_length=200, description="Load the rows that this load rejected, by the plan now in force."
    )


class Extracted(HowRead):
    """How the rows are read, by which plan, and what they do to the table."""

    plan_made: bool = False


class Transformed(Output):
    """What became of the records."""

    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    rows_filtered: int = 0
    plan_version: int | None = None  # the one by which they are there, if values asked for another than Extract's


class Loaded(Output):
    """The load, as its row in the ledger has it."""

    phys_id: str
    logical_name: str
    load_id: str
    plan_version: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_filtered: int
    rows_deduplicated: int
    bytes_read: int
    rejects_url: str | None
    superseded_by: str | None = None  # a load of a job submitted later, which is then the one described here


async def extract(ctx: StepContext[FileEtlParams]) -> Extracted:
    """Decide how the file is read; where the area has no plan, make one by rules from all of the file's values."""
    area = await ctx.once(_AREA, partial(_area, ctx))
    if ctx.params.replay_of is not None:
        return await _extract_rejects(ctx, area, ctx.params.replay_of)
    file = await files.get(ctx.gateways.documents, ctx.tenant_id, ctx.env_id, ctx.params.file_id)
    if file.area_id != area.area_id:
        raise NotFoundError("file_not_found", f"The area {area.name!r} has no file {file.file_id!r}.")
    file = await ctx.once(f"file {file.file_id}", partial(fetched, ctx, file))
    if file.duplicate_of is not None and area.load_mode == "append":
        ctx.log("warning", f"The same bytes were uploaded before, as {file.duplicate_of}; their rows are added again.")
    reading = await read_by_plan(
        ctx, area.area_id, file, mode=area.load_mode, change=area.schema_change, key_columns=area.key_columns
    )
    key_of(reading.plan, area.load_mode, area.key_columns)  # what can't be a key is said before the work
    return Extracted(
        plan_version=reading.plan_version,
        plan_made=reading.plan_made,
        mode=area.load_mode,
        key_columns=area.key_columns,
        file_name=file.name,
        source=reading.source,
        records=reading.records,
        stored_bytes=reading.stored_bytes,
        is_decoded=reading.is_decoded,
        schema_change=area.schema_change,
    )


async def transform(ctx: StepContext[FileEtlParams]) -> Transformed:
    """Type the rows by the plan into a table that nobody sees, in chunks; what does not fit is rejected.

    Few rows that join a table are held in memory instead: whoever finds them gone types them again.
    """
    extracted: Extracted = ctx.output_of(extract)
    area = await ctx.once(_AREA, partial(_area, ctx))
    area_load = _area_load(ctx, area, extracted)
    begun, place = None, await area_load.place()
    if place is None:
        rules = await _rules(ctx, area_load, extracted, extracted.plan_version)
        async with ctx.reading() as conn:
            if await find_instead(conn, area.phys_id, rules) is not None:
                return Transformed()
            begun = await find_target(conn, ctx.job_id)
    filled, version = await area_load.typed(begun, place)
    held = filled.target.held
    if held is not None:
        ctx.memo[_HELD] = filled.target
        return Transformed.model_validate({**vars(held.filled), "plan_version": version})
    async with ctx.reading() as conn:
        counts = await read_filled(conn, filled.target)
    return Transformed.model_validate({**vars(counts), "plan_version": version})


async def load(ctx: StepContext[FileEtlParams]) -> Loaded:
    """Show the rows to readers, with the ledger row and this step's DONE in the same commit."""
    extracted: Extracted = ctx.output_of(extract)
    area = await ctx.once(_AREA, partial(_area, ctx))
    area_load = _area_load(ctx, area, extracted)
    version = ctx.output_of(transform).plan_version or extracted.plan_version

    async def finish(tx: Transaction, entry: LoadEntry) -> None:
        await ctx.finish(tx, _loaded(entry, area))

    async def shown(target: Target, version: int) -> LoadEntry | None:
        rules = await _rules(ctx, area_load, extracted, version)
        return await bring_in(ctx.transaction, target, rules, finish, lambda sentence: ctx.log("info", sentence))

    held: Target | None = ctx.memo.get(_HELD)
    entry = await shown(held, version) if held is not None else None
    if entry is None:
        rules = await _rules(ctx, area_load, extracted, version)
        async with ctx.reading() as conn:
            entry = await find_instead(conn, area.phys_id, rules)
            table = await find_table(conn, ctx.env_id, Owner("area", area.area_id))
            target = await find_target(conn, ctx.job_id)
            is_full = target is not None and (await read_filled(conn, target)).complete
        place = await area_load.place() if held is None else None  # what was held once needs a table
        version = await area_load.version_to_show(version, table)
    while entry is None:
        if target is None or target.plan_version != version or not is_full:
            target = (await area_load.filled(version, place)).target
        entry = await shown(target, version)
        target = place = None
    return _loaded(entry, area) if entry.job_id == ctx.job_id else await _leave_it_at(ctx, area, entry)


async def _rules(ctx: StepContext[FileEtlParams], area_load: AreaLoad, extracted: Extracted, version: int) -> Load:
    return Load(
        job_id=ctx.job_id,
        attempt=ctx.attempt,
        mode=extracted.mode,
        key=await area_load.key(version),
        time_column=(await area_load.plan(version)).time_column,
        file_id=ctx.params.file_id,
        file_name=extracted.file_name,
        replay_of=ctx.params.replay_of,
        allow_small=ctx.params.allow_small,
        least_share=ctx.settings.small_load_share,
        keep_undo=timedelta(days=ctx.settings.undo_days),
    )


async def _area(ctx: StepContext[FileEtlParams]) -> Area:
    return await areas.get(ctx.gateways.documents, ctx.tenant_id, ctx.env_id, ctx.params.area_id)


async def _extract_rejects(ctx: StepContext[FileEtlParams], area: Area, load_id: str) -> Extracted:
    stored = await plans.in_force(ctx.gateways.documents, ctx.tenant_id, ctx.env_id, area.area_id)
    async with ctx.transaction() as tx:
        original = await get_load(tx.conn, ctx.env_id, load_id)
    if stored is None or original.phys_id != area.phys_id:
        raise ConflictError("superseded", f"The load {load_id} is not one of the area {area.name!r}.")
    return Extracted(
        plan_version=stored.version,
        mode=area.load_mode,
        key_columns=area.key_columns,
        file_name=original.file_name,
        records=original.rows_rejected,
        schema_change=area.schema_change,
    )


def _area_load(ctx: StepContext[FileEtlParams], area: Area, extracted: Extracted) -> AreaLoad:
    return AreaLoad(ctx, area, extracted, file_id=ctx.params.file_id, replay_of=ctx.params.replay_of)


async def _leave_it_at(ctx: StepContext[FileEtlParams], area: Area, instead: LoadEntry) -> Loaded:
    is_same = instead.mode == "append"
    if is_same:
        ctx.log("info", f"The load {instead.load_id} has added this file already; nothing was added.")
    else:
        ctx.log(
            "warning",
            f"The load {instead.load_id}, of a job submitted after this one, is shown already and replaces these rows; "
            "they were left out.",
        )
    async with ctx.transaction() as tx:
        target = await find_target(tx.conn, ctx.job_id, for_update=True)
        if target is not None:  # the other load was shown while this one was being filled
            await discard_target(tx.conn, target)
        loaded = _loaded(instead, area)
        return await ctx.finish(tx, loaded if is_same else loaded.model_copy(update={"superseded_by": instead.load_id}))


def _loaded(entry: LoadEntry, area: Area) -> Loaded:
    rejects = f"/api/envs/{entry.env_id}/loads/{entry.load_id}/rejects" if entry.rows_rejected else None
    return Loaded.model_validate({**vars(entry), "logical_name": area.name, "rejects_url": rejects})


JOB_TYPE = JobType(
    name="FILE_ETL",
    description="Load a file of an area into the area's table: typed, every row accounted for, shown at one instant.",
    params=FileEtlParams,
    steps=(Step("Extract", extract), Step("Transform", transform), Step("Load", load)),
    lock=lambda params: f"load:{params.env_id}:{params.area_id}",
    lock_span=("Load", "Load"),
)
