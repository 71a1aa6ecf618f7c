"""The next ticket, claimed in the commit by which a job ends: what is asked for, and who takes the answer."""

import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

TICKET_FIELDS = """
(ticket).id, (ticket).queue_name, (ticket).priority, (ticket).task_name, (ticket).args, (ticket).scheduled_at,
(ticket).attempts, (ticket).worker_id
"""
"""What of a ticket is taken in, in this order."""

_FRESH_SECONDS = 1.0  # far less than a worker may be silent


@dataclass(frozen=True)
class Wanted:
    """Which tickets a worker takes: of these types (None: of all), as this number of Procrastinate's, begun for it."""

    types: list[str] | None
    number: int
    worker_id: str


@dataclass(frozen=True)
class Begun:
    """What the beginning of a job's attempt answered that was made together with its claim, and when it was asked."""

    answer: dict[str, Any]
    since: float

    @property
    def key(self) -> tuple[str, int]:
        """The job's id and the attempt's number."""
        return self.answer["job"]["job_id"], self.answer["job"]["attempt"]

    @property
    def is_old(self) -> bool:
        """Whether others may have taken the job away since, as they do from a frozen process. Its clock goes on."""
        return time.monotonic() - self.since > _FRESH_SECONDS


class ClaimsAhead(Protocol):
    """The queue of a worker, as a job's end sees it."""

    @abstractmethod
    def wanted(self) -> Wanted | None:
        """What to claim for the place that a job is about to leave; None for nothing."""

    @abstractmethod
    def take_in(self, ticket: tuple[Any, ...] | None, begun: dict[str, Any] | None, asked: float) -> None:
        """The ticket that was claimed, None if there was none, how its job began, and when that was asked for."""

    @abstractmethod
    def refused(self) -> None:
        """The claim failed, and the job ended without it."""

    @abstractmethod
    def unsure(self) -> None:
        """The answer was lost: what was claimed, if anything was, nobody here knows."""
