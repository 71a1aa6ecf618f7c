"""The port: what every documents adapter does in the same way (held to it by ``tests/contract/test_documents.py``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

JSON = str | int | float | bool | None


@dataclass(frozen=True)
class Collection:
    """A kind of documents: its name, the top-level fields that are often asked for, and those that are unique."""

    name: str
    indexed: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """One document as it was read; ``version`` rises by one with each change."""

    id: str
    version: int
    data: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Totals:
    """How many documents there are, and the sum and the largest of the numbers in one of their fields."""

    count: int
    sum: int
    largest: int | None


class Documents(Protocol):
    """Documents of one tenant and environment are never seen by another's calls.

    Raises :class:`~stepmill.errors.NotFoundError` (``document_not_found``) for a document that is not there, and
    :class:`~stepmill.errors.ConflictError` with the code ``document_exists`` for a taken id, ``value_taken`` (with the
    field's name in ``details``) for a taken unique value, and ``version_conflict`` for one that has changed since.
    """

    async def get(self, tenant: str, env: str, collection: Collection, document_id: str) -> Document:
        """One document."""

    async def create(
        self, tenant: str, env: str, collection: Collection, document_id: str, data: Mapping[str, Any]
    ) -> Document:
        """A new document."""

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

    async def delete(
        self, tenant: str, env: str, collection: Collection, document_id: str, *, if_version: int | None = None
    ) -> None:
        """Remove a document, whatever its version or only in that one."""

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
