"""What the OpenAPI document says of an operation's answers."""

from typing import Any

from stepmill.api.schemas.shape import Shape
from stepmill.api.schemas.tables import RejectList

Responses = dict[int | str, dict[str, Any]]


EVENT_STREAM: Responses = {
    200: {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    204: {"description": "Nothing more will come."},
}


REJECTS: Responses = {
    200: {
        "model": RejectList,
        "description": "The rejects.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


DELETED: Responses = {204: {"description": "It is gone."}}


def ok(model: type[Shape]) -> Responses:
    """200 with ``model``."""
    return {200: {"model": model, "description": "It is here."}}


def created(model: type[Shape], *, repeat: bool = False) -> Responses:
    """201 with ``model``; with ``repeat``, 200 too, for a repeated request."""
    answers: Responses = {201: {"model": model, "description": "It was made."}}
    if repeat:
        answers[200] = {"model": model, "description": "A repeat: what the first request made."}
    return answers


def accepted(model: type[Shape]) -> Responses:
    """202 with ``model``."""
    return {202: {"model": model, "description": "It will be done."}}
