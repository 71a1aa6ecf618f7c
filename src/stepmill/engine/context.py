"""What a running step may use: the :class:`StepContext` and the plain data that goes with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.engine.job_type import EnvParams, Output
from stepmill.gateways import Gateways
from stepmill.gateways.blobs import BlobLocation
from stepmill.gateways.sql.roles import Role
from stepmill.settings import Settings

P = TypeVar("P", bound=EnvParams, covariant=True)
OutputT = TypeVar("OutputT", bound=Output)
R = TypeVar("R")


@dataclass(frozen=True)
class AttemptConnection:
    """All that a compute child needs to open its own connection as this attempt; plain data, picklable."""

    url: str = field(repr=False)
    application_name: str
    job_id: str
    attempt: int
    tenant_id: str


@dataclass
class Transaction:
    """A database transaction of an attempt, fenced at its end: it commits only while the attempt is current."""

    conn: AsyncConnection[DictRow]
    finished: bool = False


class Reporter(Protocol):
    """What a function in a compute child may tell the job while it runs."""

    def progress(self, done: float, total: float | None = None, unit: str = "rows", message: str | None = None) -> None:
        """Say how far the step is."""

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Write a line to the job's log."""


class Artifacts(Protocol):
    """Large data of one job, kept in blob storage until the job needs it no more."""

    def location(self, name: str) -> BlobLocation:
        """Where the artifact called ``name`` is or would be; plain data for compute children."""

    async def put(self, name: str, data: bytes) -> None:
        """Write a whole artifact."""

    async def get(self, name: str) -> bytes:
        """Read a whole artifact."""


class StepContext(Protocol[P]):
    """Handed to each step's ``run``."""

    @property
    def params(self) -> P:
        """The job's params, validated."""

    @property
    def job_id(self) -> str:
        """The job."""

    @property
    def attempt(self) -> int:
        """The attempt's number: the fencing token."""

    @property
    def tenant_id(self) -> str:
        """Whose job it is."""

    @property
    def env_id(self) -> str:
        """The environment the job works in."""

    @property
    def step_name(self) -> str:
        """The step that runs."""

    @property
    def settings(self) -> Settings:
        """The worker's settings."""

    @property
    def gateways(self) -> Gateways:
        """The outside world."""

    @property
    def artifacts(self) -> Artifacts:
        """Large data of this job."""

    @property
    def attempt_connection(self) -> AttemptConnection:
        """What a compute child needs to connect as this attempt."""

    @property
    def memo(self) -> dict[str, Any]:
        """What steps of this attempt leave to later ones, besides outputs; in another attempt it is gone."""

    async def once(self, what: str, read: Callable[[], Awaitable[R]]) -> R:
        """What ``read`` answers, by its name, read once in this attempt: for what stays the same as long as it runs."""

    def output_of(self, run: Callable[[Any], Any]) -> Any:
        """Output of an earlier step, given its ``run`` function: a model of the type that function returns."""

    def progress(self, done: float, total: float | None = None, unit: str = "rows", message: str | None = None) -> None:
        """Say how far the step is. Shown at most twice a second; the last one is never lost."""

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Write a line to the job's log: a durable event."""

    def transaction(
        self,
        role: Role = "stepmill_loader",
        *,
        statement_timeout: float | None = None,
        lock_timeout: float | None = None,
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that commits only while this attempt is the job's current one (AttemptLostError otherwise).

        Times are in seconds.
        """

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection[DictRow]]:
        """A transaction to read in, as ``stepmill_loader``. It is not fenced, and takes half as long: nothing stays."""

    async def finish(self, tx: Transaction, output: OutputT) -> OutputT:
        """Record the step DONE with ``output`` in ``tx``, so that the effect and DONE are one commit."""

    async def compute(self, function: Callable[..., R], *args: Any) -> R:
        """Run ``function(report, *args)`` in a child process; its result must be JSON data.

        Raises what the function raised if that is a StepmillError; a killed child is a retryable error.
        """
