"""Environments: isolated namespaces, each with its documents and its warehouse schema. Each belongs to one tenant."""

import re
from datetime import datetime

import psycopg

from stepmill.errors import ConflictError, FieldError, InputError, NotFoundError
from stepmill.gateways.sql.database import Database
from stepmill.store.records import Record

_ENV_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_COLUMNS = "env_id, tenant_id, name, schema_name, created_at"


class Environment(Record):
    """One environment; ``schema_name`` is where its logical views are."""

    env_id: str
    tenant_id: str
    name: str
    schema_name: str
    created_at: datetime

    @property
    def slug(self) -> str:
        """The part that names made for this environment have in common, such as ``env_<slug>``."""
        return self.schema_name.removeprefix("env_")


async def create(database: Database, tenant: str, env_id: str, name: str | None = None) -> Environment:
    """A new environment. Raises :class:`ConflictError` ``env_taken``; ids are unique over all tenants."""
    if not _ENV_ID.fullmatch(env_id):
        message = "An environment's id has 1 to 40 of a to z, 0 to 9, _ and -, the first being a letter or a digit."
        raise InputError("invalid_environment", message, errors=[FieldError("/envId", message)])
    insert = (
        f"INSERT INTO environments (env_id, tenant_id, name, schema_name) VALUES (%s, %s, %s, %s) RETURNING {_COLUMNS}"
    )
    values = (env_id, tenant, name or env_id, "env_" + env_id.replace("-", "_"))
    try:
        async with database.transaction("stepmill_api", tenant=tenant) as conn:
            row = await (await conn.execute(insert, values)).fetchone()
    except psycopg.errors.UniqueViolation:
        raise ConflictError("env_taken", f"The environment {env_id} can't be made: its id or name is taken.") from None
    return Environment.model_validate(row)


async def get(database: Database, tenant: str, env_id: str) -> Environment:
    """One environment. Raises :class:`NotFoundError` ``env_not_found``, also for another tenant's."""
    query = f"SELECT {_COLUMNS} FROM environments WHERE env_id = %s"
    rows = [] if "\0" in env_id else await database.read("stepmill_api", query, (env_id,), tenant=tenant)
    if not rows:
        raise NotFoundError("env_not_found", f"There is no environment {env_id!r}.")
    return Environment.model_validate(rows[0])


async def find_all(database: Database, tenant: str) -> list[Environment]:
    """The tenant's environments by id."""
    async with database.transaction("stepmill_api", tenant=tenant) as conn:
        rows = await (await conn.execute(f"SELECT {_COLUMNS} FROM environments ORDER BY env_id")).fetchall()
    return [Environment.model_validate(row) for row in rows]


async def ensure(database: Database, tenant: str, env_id: str) -> Environment:
    """The environment, made if it is not there yet."""
    try:
        return await get(database, tenant, env_id)
    except NotFoundError:
        pass
    try:
        return await create(database, tenant, env_id)
    except ConflictError:
        return await get(database, tenant, env_id)  # another process was faster; another tenant's stays out of reach
