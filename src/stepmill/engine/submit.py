"""Submit: the job, its steps, its first event and its ticket, in one transaction with the idempotency key."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.idempotency import claim_key, keep_response
from stepmill.engine.ids import new_id
from stepmill.engine.job_type import EnvParams, JobType
from stepmill.engine.read import get_job, read_job, read_jobs
from stepmill.engine.requests import JobRequest
from stepmill.errors import FieldError, ForbiddenError, InputError, NotFoundError
from stepmill.gateways.tracing import carried

JOBS_ROUTE = "POST /api/jobs"
BATCH_ROUTE = "POST /api/jobs/batch"

# One JSON text: psycopg escapes the elements of an array in Python, one quotation mark at a time.
_SUBMIT = "SELECT submit_batch_v1(ARRAY(SELECT jsonb_array_elements(%s)))"
_LONGEST_LOCK_KEY = 400
_ENVIRONMENTS = "SELECT env_id FROM environments WHERE env_id = ANY(%s)"


async def submit_job(
    engine: Engine, caller: Principal, request: JobRequest, idempotency_key: str | None = None
) -> tuple[dict[str, Any], bool]:
    """Accept one job. Returns it, and whether it is new (False: a repeat of an earlier request with the same key).

    Raises InputError (``unknown_job_type``, ``invalid_params``, ``idempotency_key_mismatch``), ForbiddenError for
    another tenant, NotFoundError for an unknown environment, ConflictError (``idempotency_conflict``).
    """
    key = _one_key(idempotency_key, request.idempotency_key)
    row = prepare(engine, caller, request)
    fingerprint = _fingerprint(request.fingerprint())
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        if key is not None:
            earlier = await claim_key(
                conn, caller.tenant_id, JOBS_ROUTE, key, fingerprint, engine.settings.idempotency_days
            )
            if earlier is not None:
                return await read_job(conn, engine, earlier["jobId"]), False
        await _insert(conn, [row])
        if key is not None:
            await keep_response(conn, caller.tenant_id, JOBS_ROUTE, key, {"jobId": row["jobId"]})
    _accepted(engine, [row])
    return await get_job(engine, caller, row["jobId"]), True


async def submit_batch(
    engine: Engine, caller: Principal, requests: Sequence[JobRequest], idempotency_key: str | None = None
) -> list[dict[str, Any]]:
    """Accept all of the jobs or none. A repeat with the same key gets the first jobs.

    A job of the batch may carry an idempotency key of its own: it then stands for the job it was first used for.
    """
    rows = [prepare(engine, caller, request, pointer=f"/jobs/{index}") for index, request in enumerate(requests)]
    days = engine.settings.idempotency_days
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        if idempotency_key is not None:
            fingerprint = _fingerprint([request.model_dump(mode="json") for request in requests])
            earlier = await claim_key(conn, caller.tenant_id, BATCH_ROUTE, idempotency_key, fingerprint, days)
            if earlier is not None:
                return await read_jobs(conn, engine, earlier["jobIds"])
        ids = [row["jobId"] for row in rows]
        # In the order of their keys: two batches with the same ones would else wait for one another.
        for key, place in sorted((each.idempotency_key, n) for n, each in enumerate(requests) if each.idempotency_key):
            fingerprint = _fingerprint(requests[place].fingerprint())
            first = await claim_key(conn, caller.tenant_id, JOBS_ROUTE, key, fingerprint, days)
            if first is None:
                await keep_response(conn, caller.tenant_id, JOBS_ROUTE, key, {"jobId": ids[place]})
            else:
                ids[place] = first["jobId"]
        fresh = [row for row, job_id in zip(rows, ids, strict=True) if row["jobId"] == job_id]
        await _insert(conn, fresh)
        if idempotency_key is not None:
            await keep_response(conn, caller.tenant_id, BATCH_ROUTE, idempotency_key, {"jobIds": ids})
    _accepted(engine, fresh)
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        return await read_jobs(conn, engine, ids)


def prepare(engine: Engine, caller: Principal, request: JobRequest, *, pointer: str = "") -> dict[str, Any]:
    """Check a request and turn it into what ``submit_v1`` takes. ``pointer``: where it stands in the body. Pure."""
    job_type = engine.registry.get(request.type)
    if job_type is None:
        known = ", ".join(engine.registry.names)
        raise InputError(
            "unknown_job_type",
            f"There is no job type {request.type!r}. This installation has: {known}.",
            errors=[FieldError(f"{pointer}/type", "unknown job type")],
        )
    params = _params(job_type, caller, request, pointer)
    lock_from, lock_to = job_type.lock_range
    return {
        "jobId": new_id("job"),
        "tenantId": caller.tenant_id,
        "envId": params.env_id,
        "type": job_type.name,
        "params": params.model_dump(mode="json", by_alias=True, exclude_none=True),
        "steps": [{"name": step.name, "always": step.always} for step in job_type.steps],
        "maxAttempts": request.max_attempts or job_type.max_attempts,
        "priority": request.priority,
        "timeoutSeconds": request.timeout_seconds or job_type.timeout_seconds,
        "lockKey": _lock_key(caller.tenant_id, job_type.lock(params)) if job_type.lock else None,
        "lockFrom": lock_from,
        "lockTo": lock_to,
        "resultStep": job_type.result_index,
        "createdBy": caller.subject,
        "runAt": request.run_at.isoformat() if request.run_at else None,
    }


def _lock_key(tenant: str, key: str) -> str:
    """The lock's key in the books, whose index takes none that is endless: of a long one a hash stands for the rest."""
    whole = f"{tenant}/{key}"
    if len(whole) <= _LONGEST_LOCK_KEY:
        return whole
    return f"{whole[:_LONGEST_LOCK_KEY]}#{hashlib.sha256(whole.encode(errors='surrogatepass')).hexdigest()}"


def _params(job_type: JobType, caller: Principal, request: JobRequest, pointer: str) -> EnvParams:
    given = dict(request.params)
    if request.env_id is not None and given.setdefault("envId", request.env_id) != request.env_id:
        raise InputError(
            "invalid_params",
            "envId is given twice, with two values. Give one, or the same in both places.",
            errors=[FieldError(f"{pointer}/params/envId", f"differs from {pointer}/envId")],
        )
    if given.get("tenantId") is None:
        given["tenantId"] = caller.tenant_id
    try:
        # Read as JSON and strictly: a text is no number and a number no boolean, while times and ids are texts there.
        params = job_type.params.model_validate_json(orjson.dumps(given), strict=True, by_name=False)
    except ValidationError as error:
        raise InputError(
            "invalid_params",
            f"The params don't fit {job_type.name}: {error.error_count()} of them wrong.",
            errors=[
                FieldError(f"{pointer}/params/" + "/".join(_escape(part) for part in item["loc"]), item["msg"])
                for item in error.errors(include_url=False, include_input=False, include_context=False)
            ],
        ) from None
    if params.tenant_id != caller.tenant_id:
        raise ForbiddenError("other_tenant", "tenantId names another tenant than yours.")
    return params


async def _insert(conn: AsyncConnection[DictRow], rows: list[dict[str, Any]]) -> None:
    wanted = {row["envId"] for row in rows}
    found = await (await conn.execute(_ENVIRONMENTS, (list(wanted),))).fetchall()
    missing = wanted - {row["env_id"] for row in found}
    if missing:
        raise NotFoundError("env_not_found", f"There is no environment {sorted(missing)[0]!r}.")
    trace = carried()
    traced = [{**row, "traceContext": trace} for row in rows] if trace else rows
    await conn.execute(_SUBMIT, (Jsonb(traced, dumps=orjson.dumps),))


def _accepted(engine: Engine, rows: Sequence[dict[str, Any]]) -> None:
    for job_type, count in Counter(row["type"] for row in rows).items():
        engine.metrics.submitted.labels(job_type).inc(count)
    for row in rows:
        engine.notifier.touch(row["jobId"])


def _one_key(header: str | None, body: str | None) -> str | None:
    if header is not None and body is not None and header != body:
        raise InputError(
            "idempotency_key_mismatch",
            "The Idempotency-Key header and idempotencyKey in the body differ. Send one of them, or the same in both.",
            errors=[FieldError("/idempotencyKey", "differs from the Idempotency-Key header")],
        )
    return header or body


def _fingerprint(body: object) -> str:
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
