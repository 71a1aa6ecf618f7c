"""FILE_ETL: load one file of an area into the area's table.

Extract decides how the file is read and by which plan, Transform fills a table that nobody sees, Load shows it to
readers at one instant together with its row in the ledger. Each is safe to repeat: Extract reads the stored plan,
Transform goes on at the chunk where it was cut off, Load is one commit. With ``replayOf`` the rows are those that an
earlier load rejected.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from stepmill.engine import EnvParams, JobType, Output, Step, StepContext, Transaction
from stepmill.errors import ConflictError, NotFoundError
from stepmill.etl.fill import fill_from_file, fill_from_rejects
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.parse import parse_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.follow_plan import is_same_table
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.drift import is_read_alike, lacking, may_lack, with_failures
from stepmill.planning.examine import examine_misfits
from stepmill.planning.fetch import fetched
from stepmill.planning.filling import Destination, Rows, filled_target
from stepmill.planning.layout import key_of, with_key
from stepmill.planning.reading import TEXT, plan_of_version, read_by_plan
from stepmill.planning.widening import filled_as_values_ask
from stepmill.store import areas, environments, files, plans
from stepmill.store.areas import Area, SchemaChange
from stepmill.warehouse.bring_in import bring_in
from stepmill.warehouse.ledger import LoadEntry, Mode, find_append, find_replacement, get_load
from stepmill.warehouse.publish import Load
from stepmill.warehouse.tables import Owner, find_table
from stepmill.warehouse.targets import Target, discard_target, find_target, read_filled


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


class Extracted(Output):
    """How the rows are read, by which plan, and what they do to the table."""

    plan_version: int
    plan_made: bool = False
    mode: Mode
    key_columns: tuple[str, ...]
    file_name: str | None
    source: dict[str, Any] | None = None  # null for rejects, which are rows already
    records: int | None = None
    stored_bytes: int | None = None
    is_decoded: bool = False  # then the text is the artifact of Extract
    schema_change: SchemaChange = "evolve"
    missing: tuple[str, ...] = ()  # source columns that the file lacks


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
    area = await _area(ctx)
    if ctx.params.replay_of is not None:
        return await _extract_rejects(ctx, area, ctx.params.replay_of)
    file = await files.get(ctx.gateways.documents, ctx.tenant_id, ctx.env_id, ctx.params.file_id)
    if file.area_id != area.area_id:
        raise NotFoundError("file_not_found", f"The area {area.name!r} has no file {file.file_id!r}.")
    file = await fetched(ctx, file)
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
        missing=reading.missing,
    )


async def transform(ctx: StepContext[FileEtlParams]) -> Transformed:
    """Type the rows by the plan into a table that nobody sees, in chunks; what does not fit is rejected."""
    extracted: Extracted = ctx.output_of(extract)
    area = await _area(ctx)
    if await _load_instead(ctx, area, extracted) is not None:
        return Transformed()
    target, version = await _typed(ctx, area, extracted)
    async with ctx.transaction() as tx:
        filled = await read_filled(tx.conn, target)
        return await ctx.finish(tx, Transformed.model_validate({**vars(filled), "plan_version": version}))


async def load(ctx: StepContext[FileEtlParams]) -> Loaded:
    """Show the rows to readers, with the ledger row and this step's DONE in the same commit."""
    extracted: Extracted = ctx.output_of(extract)
    area = await _area(ctx)
    instead = await _load_instead(ctx, area, extracted)
    if instead is not None:
        return await _leave_it_at(ctx, area, instead)
    version = await _version_to_show(ctx, area, extracted)
    plan = await plan_of_version(ctx, area.area_id, version)
    rules = Load(
        job_id=ctx.job_id,
        attempt=ctx.attempt,
        mode=extracted.mode,
        key=key_of(plan, extracted.mode, extracted.key_columns),
        time_column=plan.time_column,
        file_id=ctx.params.file_id,
        file_name=extracted.file_name,
        replay_of=ctx.params.replay_of,
        allow_small=ctx.params.allow_small,
        least_share=ctx.settings.small_load_share,
        keep_undo=timedelta(days=ctx.settings.undo_days),
    )

    async def finish(tx: Transaction, entry: LoadEntry) -> None:
        await ctx.finish(tx, _loaded(entry, area))

    async with ctx.transaction() as tx:
        target = await find_target(tx.conn, ctx.job_id, for_update=True)
    if target is None:  # an ended job's is dropped soon, and this is its retry
        ctx.log("info", "The unseen table was dropped since the job ended; filling it anew.")
    if target is None or target.plan_version != version:
        target = await _filled(ctx, area, extracted, version)
    entry = await bring_in(ctx.transaction, target, rules, finish, lambda sentence: ctx.log("info", sentence))
    return _loaded(entry, area)


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


async def _load_instead(ctx: StepContext[FileEtlParams], area: Area, extracted: Extracted) -> LoadEntry | None:
    """The load that makes this one needless: it added this very file, or replaces its rows though it came first."""
    if ctx.params.replay_of is not None:
        return None
    async with ctx.transaction() as tx:
        added_by = None
        if extracted.mode == "append":
            added_by = await find_append(tx.conn, area.phys_id, ctx.params.file_id)
        return added_by or await find_replacement(tx.conn, area.phys_id, ctx.job_id, extracted.file_name)


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


async def _typed(ctx: StepContext[FileEtlParams], area: Area, extracted: Extracted) -> tuple[Target, int]:
    """The job's target, and the plan's version by which it is filled: one that the values fit, if the area evolves."""

    async def fill(version: int) -> Target:
        return await _filled(ctx, area, extracted, version)

    if not _evolves(extracted):
        return await fill(extracted.plan_version), extracted.plan_version
    async with ctx.transaction() as tx:
        begun = await find_target(tx.conn, ctx.job_id)
    version = max(extracted.plan_version, begun.plan_version) if begun is not None else extracted.plan_version
    text, source = await _text(ctx, extracted), extracted.source

    async def examine(plan: dict[str, Any]) -> dict[str, Any]:
        key = key_of(parse_plan(plan), extracted.mode, extracted.key_columns)
        keys = list(key.columns) if key is not None else []
        return await ctx.compute(examine_misfits, text, source, plan, list(extracted.missing), keys)

    async def follows(newer: int) -> bool:
        return await _follows(ctx, area, extracted, newer)

    return await filled_as_values_ask(ctx, area.area_id, version, fill, examine, follows)


def _evolves(extracted: Extracted) -> bool:
    return extracted.schema_change == "evolve" and extracted.source is not None


async def _version_to_show(ctx: StepContext[FileEtlParams], area: Area, extracted: Extracted) -> int:
    """The version by which this job's rows are there; or the table's if the area evolved since, not to undo that."""
    version = ctx.output_of(transform).plan_version or extracted.plan_version
    async with ctx.transaction() as tx:
        table = await find_table(tx.conn, ctx.env_id, Owner("area", area.area_id))
    newer = table.plan_version if table is not None else None
    if extracted.schema_change != "evolve" or newer is None or newer <= version:
        return version
    return newer if await _follows(ctx, area, extracted, newer) else version


async def _follows(ctx: StepContext[FileEtlParams], area: Area, extracted: Extracted, newer: int) -> bool:
    """Whether this job's rows can be read by another version, too: in the same way, and with all that it needs."""
    if extracted.source is None:
        return True
    plan, ours = [await plan_of_version(ctx, area.area_id, each) for each in (newer, extracted.plan_version)]
    missing = lacking(plan, SourceFormat.model_validate(extracted.source))
    lackable = may_lack(plan, extracted.mode, extracted.key_columns, extracted.schema_change)
    return is_read_alike(plan, ours) and is_same_table(missing, plan.source_columns, lackable)


async def _filled(ctx: StepContext[FileEtlParams], area: Area, extracted: Extracted, version: int) -> Target:
    plan = await plan_of_version(ctx, area.area_id, version)
    destination = await _destination(ctx, area, extracted, plan)
    return await filled_target(ctx, destination, await _rows(ctx, extracted, plan, version))


async def _destination(
    ctx: StepContext[FileEtlParams], area: Area, extracted: Extracted, plan: TransformPlan
) -> Destination:
    environment = await environments.get(ctx.gateways.sql, ctx.tenant_id, ctx.env_id)
    return Destination(
        owner=Owner("area", area.area_id),
        schema_name=environment.schema_name,
        logical_name=area.name,
        phys_id=area.phys_id,
        mode=extracted.mode,
        key=key_of(plan, extracted.mode, extracted.key_columns),
    )


async def _rows(ctx: StepContext[FileEtlParams], extracted: Extracted, plan: TransformPlan, version: int) -> Rows:
    fill: Callable[..., dict[str, Any]] = fill_from_rejects
    args: tuple[Any, ...] = (ctx.params.replay_of,)
    missing: Sequence[str] = ()
    if extracted.source is not None:
        fill, args = fill_from_file, (await _text(ctx, extracted), extracted.source)
        missing = lacking(plan, SourceFormat.model_validate(extracted.source))
    keyed = with_key(plan, key_of(plan, extracted.mode, extracted.key_columns))
    return Rows(
        plan=with_failures(keyed, extracted.schema_change),
        plan_version=version,
        limit=plan.max_rejects,
        expected=extracted.records,
        stored_bytes=extracted.stored_bytes,
        source={
            "fileId": ctx.params.file_id,
            "format": extracted.source,
            "replayOf": ctx.params.replay_of,
            "schemaChange": extracted.schema_change,
        },
        fill=fill,
        args=args,
        missing=tuple(missing),  # what it may not lack, Extract has refused
        refuses_unknown=extracted.schema_change == "discardRow",
    )


async def _text(ctx: StepContext[FileEtlParams], extracted: Extracted) -> BlobLocation:
    if extracted.is_decoded:
        return ctx.artifacts.location(TEXT)
    file = await files.get(ctx.gateways.documents, ctx.tenant_id, ctx.env_id, ctx.params.file_id)
    return ctx.gateways.blobs.location(file.blob_path)


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
