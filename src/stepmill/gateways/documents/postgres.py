"""Documents in PostgreSQL: one JSONB row each, under the row-level security of the tenant that asks."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.abc import Params
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stepmill.errors import ConflictError, InputError, NotFoundError
from stepmill.gateways.documents.port import JSON, Collection, Document, Totals
from stepmill.gateways.sql.database import Database

#: A longer value of an indexed field is kept as its hash: an index's entry has a limit.
_LONGEST_KEY = 500

_COLUMNS = "id, version, data, created_at, updated_at"
_FOUND = "d.id, d.version, d.data, d.created_at, d.updated_at"

_GET = f"SELECT {_COLUMNS} FROM documents WHERE tenant_id = %s AND env_id = %s AND collection = %s AND id = %s"

_CREATE = (
    f"INSERT INTO documents (tenant_id, env_id, collection, id, data) VALUES (%s, %s, %s, %s, %s) RETURNING {_COLUMNS}"
)

_REPLACE = f"""
    UPDATE documents SET data = %s, version = version + 1, updated_at = clock_timestamp()
    WHERE tenant_id = %s AND env_id = %s AND collection = %s AND id = %s AND version = %s RETURNING {_COLUMNS}
"""

_DELETE = """
    DELETE FROM documents WHERE tenant_id = %s AND env_id = %s AND collection = %s AND id = %s
    AND version = coalesce(%s, version) RETURNING id
"""

_DELETE_KEYS = "DELETE FROM document_keys WHERE tenant_id = %s AND env_id = %s AND collection = %s AND id = %s"

_CREATE_KEY = """
    INSERT INTO document_keys (tenant_id, env_id, collection, id, field, value, is_unique)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

_OF_KEY = """
    document_keys k CROSS JOIN LATERAL (
        SELECT * FROM documents WHERE tenant_id = k.tenant_id AND env_id = k.env_id AND collection = k.collection
        AND documents.id = k.id OFFSET 0
    ) d
"""
"""By the key's index, which is in the order of ids, and a document at a time: no further than to the last that is asked
for. Without the OFFSET the documents may come first, all of them, as long as there are no statistics."""

_TOTALS = """
    SELECT k.value, count(*) AS count, coalesce(sum((d.data ->> %(number)s)::numeric), 0) AS sum,
           max((d.data ->> %(number)s)::numeric) AS largest
    FROM document_keys k JOIN documents d USING (tenant_id, env_id, collection, id)
    WHERE k.tenant_id = %(tenant)s AND k.env_id = %(env)s AND k.collection = %(collection)s AND k.field = %(by)s
      AND k.value = ANY(%(keys)s) AND d.data @> %(where)s
    GROUP BY k.value
"""


class PostgresDocuments:
    """The documents port on Stepmill's own database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant: str, env: str, collection: Collection, document_id: str) -> Document:
        """One document."""
        rows = await self._read(tenant, _GET, (tenant, env, collection.name, document_id))
        if not rows:
            raise _not_found(collection, document_id)
        return Document(**rows[0])

    async def create(
        self, tenant: str, env: str, collection: Collection, document_id: str, data: Mapping[str, Any]
    ) -> Document:
        """A new document."""
        place = (tenant, env, collection.name, document_id)
        async with self._transaction(tenant) as conn:
            try:
                row = await (await conn.execute(_CREATE, (*place, Jsonb(data)))).fetchone()
            except psycopg.errors.UniqueViolation:
                raise ConflictError(
                    "document_exists", f"There is already a document {collection.name}/{document_id}."
                ) from None
            await _write_keys(conn, collection, place, data)
        assert row is not None
        return Document(**row)

    async def replace(
        self,
        tenant: str,
        env: str,
        collection: Collection,
        document_id: str,
        data: Mapping[str, Any],
        *,
        if_version: int,
    ) -> Document:
        """Put ``data`` in the place of the document's, if its version is still ``if_version``."""
        place = (tenant, env, collection.name, document_id)
        async with self._transaction(tenant) as conn:
            row = await (await conn.execute(_REPLACE, (Jsonb(data), *place, if_version))).fetchone()
            if row is None:
                raise await _why_not(conn, collection, place)
            await conn.execute(_DELETE_KEYS, place)
            await _write_keys(conn, collection, place, data)
        return Document(**row)

    async def delete(
        self, tenant: str, env: str, collection: Collection, document_id: str, *, if_version: int | None = None
    ) -> None:
        """Remove a document, whatever its version or only in that one."""
        place = (tenant, env, collection.name, document_id)
        async with self._transaction(tenant) as conn:
            if await (await conn.execute(_DELETE, (*place, if_version))).fetchone() is None:
                raise await _why_not(conn, collection, place)

    async def query(
        self,
        tenant: str,
        env: str,
        collection: Collection,
        where: Mapping[str, JSON] | None = None,
        *,
        containing: Mapping[str, str] | None = None,
        limit: int = 50,
        after: str | None = None,
        order: Literal["ascending", "descending"] = "ascending",
    ) -> list[Document]:
        """Documents whose top-level fields equal those of ``where``, by id, from the one that follows ``after``.

        They are looked up by the first of these that is indexed, so that should be the one that the fewest have.
        Those of ``containing`` hold the text, in capitals or not.
        """
        place = {"tenant_id": tenant, "env_id": env, "collection": collection.name}
        query = find_query(place, collection, where or {}, containing or {}, limit=limit, after=after, order=order)
        return [Document(**row) for row in await self._read(tenant, query)]

    async def totals(
        self,
        tenant: str,
        env: str,
        collection: Collection,
        by: str,
        values: Sequence[str],
        number: str,
        where: Mapping[str, JSON] | None = None,
    ) -> dict[str, Totals]:
        """For each of these texts in the indexed field ``by``, the totals of the whole numbers in the field ``number``.

        Of documents whose top-level fields equal those of ``where``. A text that no document has is left out.
        """
        texts = {_key(value): value for value in values}
        asked = {"tenant": tenant, "env": env, "collection": collection.name, "by": by, "keys": list(texts)}
        rows = await self._read(tenant, _TOTALS, asked | {"number": number, "where": Jsonb(dict(where or {}))})
        return {
            texts[row["value"]]: Totals(
                row["count"], int(row["sum"]), None if row["largest"] is None else int(row["largest"])
            )
            for row in rows
        }

    async def _read(self, tenant: str, query: str | sql.Composed, values: Params | None = None) -> list[DictRow]:
        with _storable():
            return await self._database.read("stepmill_api", query, values, tenant=tenant)

    @asynccontextmanager
    async def _transaction(self, tenant: str) -> AsyncIterator[AsyncConnection[DictRow]]:
        with _storable():
            async with self._database.transaction("stepmill_api", tenant=tenant) as conn:
                yield conn


def find_query(
    place: Mapping[str, str],
    collection: Collection,
    where: Mapping[str, JSON],
    containing: Mapping[str, str],
    *,
    limit: int,
    after: str | None,
    order: Literal["ascending", "descending"],
) -> sql.Composed:
    """The statement that finds documents; see ``PostgresDocuments.query``."""
    fields, keys = dict(where), (*collection.indexed, *collection.unique)
    leading = next((field for field, value in fields.items() if value is not None and field in keys), None)
    alias, source = ("d", "documents d") if leading is None else ("k", _OF_KEY)
    name = sql.Identifier(alias, "id")
    conditions = [sql.SQL("{} = {}").format(sql.Identifier(alias, column), value) for column, value in place.items()]
    if leading is not None:
        conditions.append(sql.SQL("k.field = {} AND k.value = {}").format(leading, _key(fields.pop(leading))))
    if fields:
        conditions.append(sql.SQL("data @> {}").format(Jsonb(fields)))
    for field, text in containing.items():
        conditions.append(sql.SQL("strpos(lower(data ->> {}), lower({})) > 0").format(field, text))
    if after is not None:
        conditions.append(sql.SQL("{} > {}" if order == "ascending" else "{} < {}").format(name, after))
    return sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {} {} LIMIT {}").format(
        sql.SQL(_FOUND),
        sql.SQL(source),
        sql.SQL(" AND ").join(conditions),
        name,
        sql.SQL("ASC" if order == "ascending" else "DESC"),
        limit,
    )


@contextmanager
def _storable() -> Iterator[None]:
    try:
        yield
    except psycopg.DataError as error:
        raise InputError(
            "text_not_storable", f"A text can't be stored: {error.diag.message_primary or error}"
        ) from None


def _key(value: JSON) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as jsonb has it: 1.0 equals 1
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_KEY else hashlib.sha256(text.encode()).hexdigest()


async def _write_keys(
    conn: AsyncConnection[DictRow], collection: Collection, place: tuple[str, ...], data: Mapping[str, Any]
) -> None:
    for field in (*collection.indexed, *collection.unique):
        if data.get(field) is None:
            continue
        try:
            await conn.execute(_CREATE_KEY, (*place, field, _key(data[field]), field in collection.unique))
        except psycopg.errors.UniqueViolation:
            raise ConflictError(
                "value_taken",
                f"Another document of {collection.name} has the same {field}.",
                details={"field": field},
            ) from None


async def _why_not(conn: AsyncConnection[DictRow], collection: Collection, place: tuple[str, ...]) -> Exception:
    if await (await conn.execute(_GET, place)).fetchone() is None:
        return _not_found(collection, place[-1])
    return ConflictError(
        "version_conflict", f"The document {collection.name}/{place[-1]} has changed since it was read."
    )


def _not_found(collection: Collection, document_id: str) -> NotFoundError:
    return NotFoundError("document_not_found", f"There is no document {collection.name}/{document_id}.")
