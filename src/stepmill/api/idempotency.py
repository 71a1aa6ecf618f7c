"""Idempotency keys for every write but the submission of jobs, which takes its key in its own transaction.

The first answer is kept and given again. The key is claimed in a transaction that stays open while the write is done,
so that of two at once the second waits; a refused write rolls the claim back.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request
from starlette.responses import Response

from stepmill.api.answers import IdempotencyKey
from stepmill.api.parts import ApiParts, Parts
from stepmill.api.requests import StrictRequest
from stepmill.auth import Principal
from stepmill.engine.idempotency import claim_key, keep_response

Act = Callable[[], Awaitable[Response]]


class OncePerKey:
    """Does a write once for each idempotency key."""

    def __init__(self, parts: ApiParts, caller: Principal, request: Request, key: str | None) -> None:
        self._parts = parts
        self._caller = caller
        self._request = request
        self._key = key

    async def __call__(self, act: Act, *, fingerprint: object = None) -> Response:
        """The answer of ``act``, or the first answer if this is a repeat.

        ``fingerprint`` stands for the body where it is not JSON, as an upload's SHA-256.
        """
        if self._key is None:
            return await act()
        claim = (self._caller.tenant_id, self._route(), self._key)
        days = self._parts.engine.settings.idempotency_days
        compared = await self._compared(fingerprint)
        # The claim holds one pooled connection while the write takes another: never so many that none is left.
        async with (
            self._parts.idempotent_writes_of.taken(self._caller.tenant_id),
            self._parts.idempotent_writes,
            self._parts.engine.database.transaction("stepmill_api", tenant=self._caller.tenant_id) as conn,
        ):
            earlier = await claim_key(conn, *claim, compared, days)
            if earlier is not None:
                return _replayed(earlier)
            response = await act()
            await keep_response(conn, *claim, _kept(response))
            return response

    def _route(self) -> str:
        return f"{self._request.method} {self._request.scope['route'].path}"

    async def _compared(self, fingerprint: object) -> str:
        body = fingerprint
        if body is None and isinstance(self._request, StrictRequest):
            body = await self._request.json()
        request = [self._request.url.path, sorted(self._request.query_params.items()), body]
        return hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _kept(response: Response) -> dict[str, Any]:
    kept: dict[str, Any] = {"status": response.status_code}
    if response.body:
        kept["body"] = orjson.loads(bytes(response.body))
    if location := response.headers.get("location"):
        kept["location"] = location
    return kept


def _replayed(kept: dict[str, Any]) -> Response:
    headers = {"Idempotency-Replayed": "true"}
    if "location" in kept:
        headers["Location"] = kept["location"]
    if "body" not in kept:
        return Response(status_code=kept["status"], headers=headers)
    return Response(
        orjson.dumps(kept["body"]), status_code=kept["status"], headers=headers, media_type="application/json"
    )


async def _once(request: Request, parts: Parts, key: IdempotencyKey = None) -> OncePerKey:
    return OncePerKey(parts, request.state.principal, request, key)


Once = Annotated[OncePerKey, Depends(_once)]
