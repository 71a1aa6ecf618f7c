"""Jobs of one worker that want a lock take turns; none waits for longer than it would take to come back."""

import asyncio
from typing import Any

import pytest

from stepmill.engine import JobType, Output, Step, StepContext, local_turns
from stepmill.engine.attempt import Attempt
from stepmill.engine.local_turns import LocalTurns
from tests.engine.job_types import Params

FOREVER = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_turns, "_PATIENCE_SECONDS", FOREVER)


async def idle(_ctx: StepContext[Params]) -> Output:
    return Output()


LOCKING = JobType(
    name="LOCKING",
    description="Locks its two steps in the middle.",
    params=Params,
    steps=tuple(Step(name, idle) for name in ("Read", "Change", "Check", "Tell")),
    lock=lambda params: params.key,
    lock_span=("Change", "Check"),
)


def attempt(number: int, *, index: int = 0, tenant: str = "t", **params: Any) -> Attempt:
    job = {"job_id": f"job_{number}", "attempt": 1, "tenant_id": tenant, "params": {"envId": "env_a", **params}}
    return Attempt(job, LOCKING, {}, index)


async def test_they_go_one_after_another_as_they_came() -> None:
    turns = LocalTurns()
    order: list[str] = []

    async def run(each: Attempt) -> None:
        await turns.before_lock(each)
        order.append(f"{each.job['job_id']} has it")
        for following in (1, 2, 3):
            await asyncio.sleep(0)
            if following == 3:
                order.append(f"{each.job['job_id']} is done")
            turns.after_step(each, {"idx": following})

    await asyncio.gather(*(run(attempt(number)) for number in range(4)))
    assert order == [f"job_{number} {what}" for number in range(4) for what in ("has it", "is done")]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"key": "another"}, id="another lock"),
        pytest.param({"tenant": "another"}, id="another tenant"),
        pytest.param({"onBusy": "fail"}, id="would rather fail"),
        pytest.param({"index": 1}, id="has the lock by itself"),
    ],
)
async def test_nobody_else_waits(other: dict[str, Any]) -> None:
    turns = LocalTurns()
    await turns.before_lock(attempt(1))
    await asyncio.wait_for(turns.before_lock(attempt(2, **other)), FOREVER / 2)


async def test_who_has_waited_in_vain_goes_on_and_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_turns, "_PATIENCE_SECONDS", 0.0)
    turns = LocalTurns()
    first, second, third = (attempt(number) for number in range(3))
    await turns.before_lock(first)
    await turns.before_lock(second)
    assert (first.turn, second.turn) == ("t:k", None)
    turns.end(second)
    turns.end(first)
    turns.end(first)
    await turns.before_lock(third)
    assert third.turn == "t:k"


async def test_who_is_stopped_while_it_waits_keeps_nobody() -> None:
    turns = LocalTurns()
    first, second, third = (attempt(number) for number in range(3))
    await turns.before_lock(first)
    waiting = asyncio.create_task(turns.before_lock(second))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    turns.end(first)
    await turns.before_lock(third)
    assert third.turn == "t:k"
