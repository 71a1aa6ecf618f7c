"""Fill a target by a plan that the values fit: with wider columns than that in force, where they ask for that."""

from collections.abc import Awaitable, Callable
from typing import Any

from stepmill.engine import StepContext
from stepmill.errors import StepmillError
from stepmill.etl.plan.model import TransformPlan
from stepmill.planning.filling import Filled
from stepmill.planning.reading import evolved
from stepmill.planning.wider_numbers import may_widen
from stepmill.warehouse.misfits import asks_for_wider_number, has_wider_numbers
from stepmill.warehouse.tables import Owner, find_table
from stepmill.warehouse.views import users_of

Fill = Callable[[int], Awaitable[Filled]]
"""Fills the job's target by a version of the plan."""
Examine = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""What a plan has to be so that the values fit: see ``examine_misfits``."""
Follows = Callable[[int], Awaitable[bool]]
"""Whether the file can be read by another version."""
PlanOf = Callable[[int], Awaitable[TransformPlan]]
"""The plan of a version."""


async def filled_as_values_ask(
    ctx: StepContext[Any],
    area_id: str,
    version: int,
    fill: Fill,
    examine: Examine,
    follows: Follows,
    plan_of: PlanOf,
) -> tuple[Filled, int]:
    """The filled target, and the version by which it is filled in the end. Safe to repeat.

    Another than ``version`` is looked for if a number was too large or too precise for its column, or if too many rows
    would be rejected; but not where something else stands on the table's view, which then could not be shown.
    """
    refused: StepmillError | None = None
    try:
        filled = await fill(version)
        if not filled.rows_rejected or not await _asks_for_more(ctx, await plan_of(version), filled):
            return filled, version
    except StepmillError as error:
        if error.code != "too_many_rejects":
            raise
        refused = error
    if not await _is_in_use(ctx, area_id):
        stored, _ = await evolved(ctx, area_id, examine)
        if stored.version != version and await follows(stored.version):
            return await fill(stored.version), stored.version
    if refused is not None:
        raise refused
    return filled, version


async def _asks_for_more(ctx: StepContext[Any], plan: TransformPlan, filled: Filled) -> bool:
    numbers = [column.name for column in plan.columns if may_widen(column)]
    if filled.target.held is not None:
        rejects = [reject for reject in filled.rejects if reject.column in numbers]
        return any(asks_for_wider_number(reject.code, reject.raw) for reject in rejects)
    async with ctx.reading() as conn:
        return await has_wider_numbers(conn, filled.target.load_id, numbers)


async def _is_in_use(ctx: StepContext[Any], area_id: str) -> bool:
    async with ctx.reading() as conn:
        table = await find_table(conn, ctx.env_id, Owner("area", area_id))
        users = await users_of(conn, table) if table is not None and table.generation is not None else []
    if users:
        ctx.log(
            "warning",
            f"{', '.join(users[:5])} stands on the table's view, so no column is widened.",
            code="not_widened",
        )
    return bool(users)
