"""Moments in a job's life, told by its events, at which something is done to it."""

from collections.abc import Callable

from stepmill.client import Event

Moment = Callable[[Event], bool]


def running(step: str) -> Moment:
    """The step has begun."""

    def is_it(event: Event) -> bool:
        steps = event.data["steps"] if event.kind == "snapshot" else [event.data]
        return event.kind in ("snapshot", "step") and any(
            each["name"] == step and each["status"] == "RUNNING" for each in steps
        )

    return is_it


def progressing(step: str, after: int = 0) -> Moment:
    """The step is in the middle of its rows."""

    def is_it(event: Event) -> bool:
        return event.kind == "progress" and event.data["step"] == step and event.data["done"] > after

    return is_it


def logged(step: str, text: str) -> Moment:
    """The step has said what it does next."""

    def is_it(event: Event) -> bool:
        return event.kind == "log" and event.data["step"] == step and text in event.data["message"]

    return is_it


def became(status: str) -> Moment:
    """The job has this status."""
    return lambda event: event.kind == "status" and event.data["status"] == status
