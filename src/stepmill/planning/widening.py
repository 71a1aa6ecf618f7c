"""Fill a target by a plan that the values fit: with wider columns than that in force, where they ask for that."""

from collections.abc import Awaitable, Callable
from typing import Any

from stepmill.engine import StepContext
from stepmill.errors import StepmillError
from stepmill.planning.reading import evolved
from stepmill.warehouse.misfits import has_wider_numbers
from stepmill.warehouse.targets import Target

Fill = Callable[[int], Awaitable[Target]]
"""Fills the job's target by a version of the plan."""
Examine = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""What a plan has to be so that the values fit: see ``examine_misfits``."""


async def filled_as_values_ask(
    ctx: StepContext[Any], owner_id: str, version: int, fill: Fill, examine: Examine
) -> tuple[Target, int]:
    """The target, and the version by which it is filled in the end. Safe to repeat.

    Another than ``version`` is looked for if a number was too large or too precise for its column, or if too many rows
    would be rejected.
    """
    refused: StepmillError | None = None
    try:
        target = await fill(version)
        async with ctx.transaction() as tx:
            if not await has_wider_numbers(tx.conn, target.load_id):
                return target, version
    except StepmillError as error:
        if error.code != "too_many_rejects":
            raise
        refused = error
    stored, _ = await evolved(ctx, owner_id, examine)
    if stored.version != version:
        return await fill(stored.version), stored.version
    if refused is not None:
        raise refused
    return target, version
