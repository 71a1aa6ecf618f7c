"""Which jobs a filter means, as SQL; and a transaction that looks for them, for no longer than somebody would wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.requests import JobFilter
from stepmill.errors import InputError

_LOOK_SECONDS = 10.0

# Only what is asked for is in the statement, so that the planner knows which index helps.
_CONDITIONS = {
    "job_id": "j.job_id = ANY(%(job_id)s)",
    "status": "j.status = ANY(%(status)s)",
    "type": "j.type = ANY(%(type)s)",
    "env_id": "j.env_id = %(env_id)s",
    "created_after": "j.created_at > %(created_after)s",
    "created_before": "j.created_at < %(created_before)s",
    "q": "strpos(lower(concat_ws(' ', j.job_id, j.type, j.params, j.error)), lower(%(q)s::text)) > 0",
}


def condition_of(chosen: JobFilter) -> tuple[str, dict[str, Any]]:
    """A condition on the table ``jobs j``, with its values by name."""
    given = {name: getattr(chosen, name) for name in _CONDITIONS if getattr(chosen, name) not in (None, ())}
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    return " AND ".join(_CONDITIONS[name] for name in given) or "true", values


async def matching_ids(engine: Engine, caller: Principal, chosen: JobFilter, states: list[str]) -> list[str]:
    """The jobs that the filter matches and that are in one of ``states``, oldest first.

    They may be very many: the caller has one of the tenant's searches until it is done with them.
    """
    condition, values = condition_of(chosen)
    query = f"SELECT j.job_id FROM jobs j WHERE {condition} AND j.status = ANY(%(states)s) ORDER BY j.created_at"
    async with engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
        rows = await (await conn.execute(query.encode(), {**values, "states": states})).fetchall()
    return [row["job_id"] for row in rows]


async def count_jobs(engine: Engine, caller: Principal, chosen: JobFilter) -> dict[str, int]:
    """How many jobs the filter matches, by status; a status that none has is left out."""
    condition, values = condition_of(chosen)
    query = f"SELECT j.status, count(*) AS jobs FROM jobs j WHERE {condition} GROUP BY j.status"
    async with engine.searches.taken(caller.tenant_id), looking(engine, caller) as conn:
        rows = await (await conn.execute(query.encode(), values)).fetchall()
    return {row["status"]: row["jobs"] for row in rows}


@asynccontextmanager
async def looking(engine: Engine, caller: Principal) -> AsyncIterator[AsyncConnection[DictRow]]:
    """A transaction of the caller's tenant. Raises InputError (``filter_too_wide``) when a statement takes too long."""
    try:
        async with engine.database.transaction(
            "stepmill_api", tenant=caller.tenant_id, statement_timeout=_LOOK_SECONDS
        ) as conn:
            yield conn
    except psycopg.errors.QueryCanceled:
        raise InputError(
            "filter_too_wide",
            f"Looking for these jobs took more than {_LOOK_SECONDS:g} s, so it was given up. "
            "Narrow the filters, best by createdAfter or status; q has to read every job that the others leave.",
        ) from None
