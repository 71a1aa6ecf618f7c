"""The next ticket, claimed in the commit by which a job ends: what is asked for, and who takes the answer."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

TICKET_FIELDS = """
(ticket).id, (ticket).queue_name, (ticket).priority, (ticket).task_name, (ticket).args, (ticket).scheduled_at,
(ticket).attempts, (ticket).worker_id
"""
"""What of a ticket is taken in, in this order."""


@dataclass(frozen=True)
class Wanted:
    """Which tickets a worker takes: of these types (None: of all), as this number of Procrastinate's, begun for it."""

    types: list[str] | None
    number: int
    worker_id: str


class ClaimsAhead(Protocol):
    """The queue of a worker, as a job's end sees it."""

    @abstractmethod
    def wanted(self) -> Wanted | None:
        """What to claim for the place that a job is about to leave; None for nothing."""

    @abstractmethod
    def take_in(self, ticket: tuple[Any, ...] | None, begun: dict[str, Any] | None) -> None:
        """The ticket that was claimed, None if there was none, and how its job began."""

    @abstractmethod
    def refused(self) -> None:
        """The claim failed, and the job ended without it."""
