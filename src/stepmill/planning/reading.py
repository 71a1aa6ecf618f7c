"""Decide how a file of an area is read and by which plan: the one in force, or one made by rules from its data."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stepmill.engine import StepContext
from stepmill.errors import ConflictError
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.parse import stored_plan
from stepmill.planning.examine import examine_file, examine_for_plan
from stepmill.store import plans
from stepmill.store.areas import LoadMode, SchemaChange
from stepmill.store.files import File

TEXT = "text"
"""The job's artifact with the text of a workbook's sheet."""

_WARNINGS_LOGGED = 20
_MOST_TRIES = 10


@dataclass(frozen=True)
class Reading:
    """How a file is read (``source``), by which version of the plan, and how many records it has, if that is known.

    ``is_decoded``: its text is the job's artifact ``TEXT``.
    """

    source: dict[str, Any]
    plan_version: int
    plan: TransformPlan
    plan_made: bool
    records: int | None
    stored_bytes: int
    is_decoded: bool


async def read_by_plan(
    ctx: StepContext[Any],
    owner_id: str,
    file: File,
    *,
    mode: LoadMode,
    change: SchemaChange,
    key_columns: Sequence[str],
) -> Reading:
    """The reading of a file for the owner's plan, which is made and stored as version 1 where there is none.

    Where the file has columns that the plan does not know and ``change`` is to evolve, a version with them is stored.
    Safe to repeat, and two files at once make one plan.
    """
    documents = ctx.gateways.documents
    location, text = ctx.gateways.blobs.location(file.blob_path), ctx.artifacts.location(TEXT)
    stored = await plans.in_force(documents, ctx.tenant_id, ctx.env_id, owner_id)
    if stored is None:
        found = await ctx.compute(examine_file, location, file.name, text)
        stored = await plans.add_first(documents, ctx.tenant_id, ctx.env_id, owner_id, found["plan"])
        if stored.author == "rules" and stored.plan == found["plan"]:
            _log_warnings(ctx, found["warnings"])
            _log_notes(ctx, stored)
            return await _reading(ctx, owner_id, stored, found, plan_made=True)
        ctx.log("info", f"Another load stored plan version {stored.version} first; this file is read by that.")

    async def examine(plan: dict[str, Any]) -> dict[str, Any]:
        return await ctx.compute(examine_for_plan, location, file.name, text, plan, mode, change, list(key_columns))

    stored, found = await evolved(ctx, owner_id, examine, stored)
    _log_warnings(ctx, found["warnings"])
    for name in found["missing"]:
        ctx.log(
            "warning", f"The file lacks the column {name!r}, which is left empty.", code="column_missing", column=name
        )
    return await _reading(ctx, owner_id, stored, found, plan_made=False)


async def evolved(
    ctx: StepContext[Any],
    owner_id: str,
    examine: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
    stored: plans.PlanVersion | None = None,
) -> tuple[plans.PlanVersion, dict[str, Any]]:
    """The plan in force with what ``examine`` found by it; stored as a new version if it found that it has to change.

    ``stored`` is that plan, if it was just read. Who finds that another has stored one meanwhile looks again, by that.
    """
    where = (ctx.gateways.documents, ctx.tenant_id, ctx.env_id, owner_id)
    stored = stored or await _in_force(ctx, owner_id)
    for _ in range(_MOST_TRIES):
        found = await examine(stored.plan)
        if "plan" not in found:
            return stored, found
        newest, examined = await plans.newest(*where), stored.version
        stored = await _in_force(ctx, owner_id)
        if stored.version != examined:
            continue
        with suppress(ConflictError):
            stored = await plans.add(*where, found["plan"], author="rules", base_version=newest)
            for each in found["changes"]:
                ctx.log(
                    "warning", each["message"], code=each["code"], column=each["column"], planVersion=stored.version
                )
            return stored, found
        stored = await _in_force(ctx, owner_id)
    raise ConflictError("plan_changed", "Other loads change the plan again and again.", retryable=True)


async def _in_force(ctx: StepContext[Any], owner_id: str) -> plans.PlanVersion:
    stored = await plans.in_force(ctx.gateways.documents, ctx.tenant_id, ctx.env_id, owner_id)
    if stored is None:
        raise ConflictError("plan_changed", "The plan is gone. Run the job again.", retryable=True)
    return stored


async def plan_of_version(ctx: StepContext[Any], owner_id: str, version: int) -> TransformPlan:
    """A stored version of the owner's plan."""

    async def read() -> dict[str, Any]:
        return await plans.content(ctx.gateways.documents, ctx.tenant_id, ctx.env_id, owner_id, version)

    return await _parsed_once(ctx, owner_id, version, read)


async def _parsed_once(
    ctx: StepContext[Any], owner_id: str, version: int, read: Callable[[], Awaitable[dict[str, Any]]]
) -> TransformPlan:
    """A version of a plan never changes, so it is read once."""

    async def parsed() -> TransformPlan:
        return stored_plan(await read())

    return await ctx.once(f"plan {version} of {owner_id}", parsed)


async def _reading(
    ctx: StepContext[Any], owner_id: str, stored: plans.PlanVersion, found: dict[str, Any], *, plan_made: bool
) -> Reading:
    async def at_hand() -> dict[str, Any]:
        return stored.plan

    return Reading(
        source=found["source"],
        plan_version=stored.version,
        plan=await _parsed_once(ctx, owner_id, stored.version, at_hand),
        plan_made=plan_made,
        records=found.get("records"),
        stored_bytes=found["storedBytes"],
        is_decoded=found["isDecoded"],
    )


def _log_warnings(ctx: StepContext[Any], warnings: list[dict[str, Any]]) -> None:
    for warning in warnings[:_WARNINGS_LOGGED]:
        ctx.log("warning", warning["message"], code=warning["code"])
    if len(warnings) > _WARNINGS_LOGGED:
        ctx.log("warning", f"There are {len(warnings) - _WARNINGS_LOGGED} more warnings; the file's preview has all.")


def _log_notes(ctx: StepContext[Any], stored: plans.PlanVersion) -> None:
    notes = stored.plan.get("notes", [])
    columns = len(stored.plan["columns"])
    ctx.log("info", "Made a plan from the data.", planVersion=stored.version, columns=columns, notes=len(notes))
    for note in notes[:_WARNINGS_LOGGED]:
        ctx.log("info", note["message"], code=note["code"], column=note.get("column"))
