"""What one tenant may have of a pool that all share."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from stepmill.errors import RateLimitedError
from stepmill.gateways.shares import TenantShares
from stepmill.gateways.sql.database import Database


async def test_what_one_tenant_waits_for_keeps_no_other_waiting(database_url: str) -> None:
    async with Database(database_url, application_name="tests", max_size=4, shared=True) as database:

        async def ask(tenant: str) -> None:
            async with database.transaction("stepmill_api", tenant=tenant) as conn:
                await conn.execute("SELECT 1")

        async with AsyncExitStack() as held:
            for _ in range(3):
                await held.enter_async_context(database.transaction("stepmill_api", tenant="busy"))
            waiting = [asyncio.create_task(ask("busy")) for _ in range(20)]
            for _ in range(5):
                async with asyncio.timeout(10):
                    await ask("other")
                    await database.read("stepmill_api", "SELECT 1", tenant="third")
            assert not any(task.done() for task in waiting)
        async with asyncio.timeout(10):
            await asyncio.gather(*waiting)


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    shares = TenantShares(1, "searches", wait_seconds=0.01)
    async with shares.taken("busy"):
        with pytest.raises(RateLimitedError, match="1 searches"):
            async with shares.taken("busy"):
                pass
        async with shares.taken("other"), shares.taken(None), shares.taken(None):
            pass
    async with shares.taken("busy"):
        pass


async def test_who_gives_up_waiting_takes_nothing_along() -> None:
    shares = TenantShares(1, "searches", wait_seconds=30)
    entered = asyncio.Event()

    async def wait() -> None:
        async with shares.taken("busy"):
            entered.set()

    async with shares.taken("busy"):
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with shares.taken("busy"):
        assert not entered.is_set()
