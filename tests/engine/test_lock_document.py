"""Lock documents whose holder freezes, or can't renew them."""

import asyncio
from typing import Any

import pytest

from stepmill.engine import lock_document
from stepmill.engine.interruption import Interruption
from stepmill.engine.lock_document import LockDocument
from stepmill.errors import UnavailableError
from stepmill.gateways.documents import Collection
from tests.engine import job_types
from tests.support.engine import Bench

LOCKS = Collection("locks")
RUN_OUT = """UPDATE documents SET data = data || '{"expiresAt": "2020-01-01T00:00:00+00:00"}'"""


def lock(bench: Bench, job_id: str, why: Interruption | None = None) -> LockDocument:
    job = {"tenant_id": "local", "env_id": "default", "job_id": job_id, "attempt": 1}
    params = job_types.Params(env_id="default", key="shared")
    return LockDocument(bench.gateways, job_types.WITH_DOCUMENT, params, job, why or Interruption())


async def holders(bench: Bench) -> list[str]:
    return [found.data["holder"] for found in await bench.gateways.documents.query("local", "default", LOCKS)]


async def test_a_holder_that_wakes_leaves_anothers_document_alone(bench: Bench) -> None:
    frozen, second, third = (lock(bench, name) for name in ("frozen", "second", "third"))
    assert await frozen.enter(1) is None
    bench.past_the_guards(RUN_OUT)
    assert await second.enter(1) is None
    await second.release()
    assert await third.enter(1) is None  # a new document, whose versions begin anew
    await frozen.release()
    assert await holders(bench) == ["third"]
    await third.release()
    assert await holders(bench) == []


async def test_what_is_released_while_it_is_renewed_is_gone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_document, "RENEW_SECONDS", 0.01)
    written, released = asyncio.Event(), asyncio.Event()
    replace = bench.gateways.documents.replace

    async def slowly(*args: Any, **options: Any) -> Any:
        answer = await replace(*args, **options)
        written.set()
        await released.wait()  # the answer is on its way
        return answer

    monkeypatch.setattr(bench.gateways.documents, "replace", slowly)
    ours = lock(bench, "ours")
    assert await ours.enter(1) is None
    await written.wait()
    releasing = asyncio.create_task(ours.release())
    await asyncio.sleep(0)
    released.set()
    await releasing
    assert await holders(bench) == []


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_holder_that_cannot_renew_stops_before_its_document_runs_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, hangs: bool
) -> None:
    for name, seconds in (("RENEW_SECONDS", 0.05), ("EXPIRES_SECONDS", 2.0), ("STOP_SECONDS", 1.0)):
        monkeypatch.setattr(lock_document, name, seconds)

    async def away(*args: Any, **options: Any) -> Any:
        if hangs:
            await asyncio.Event().wait()
        raise UnavailableError("documents_unavailable", "They do not answer.")

    why = Interruption()
    ours = lock(bench, "ours", why)
    assert await ours.enter(1) is None
    monkeypatch.setattr(bench.gateways.documents, "get", away)
    await why.happened
    monkeypatch.undo()
    assert why.reason == "shutdown"
    other = lock(bench, "other")
    held = await other.enter(1)
    assert held is not None, "it is stopped while nobody else can have the document"
    assert held["holder"] == "ours"
    await ours.release()
    assert await other.enter(1) is None
    await other.release()
