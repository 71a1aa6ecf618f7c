"""Where an exception came from, for the log: what helps to find the fault and can't hold a secret."""

import traceback
from collections.abc import Iterator

from stepmill.errors import StepmillError

_FRAMES = 50
"""The innermost ones: a recursion without end has a thousand."""


def trace_of(error: BaseException) -> str:
    """Files, lines, functions and classes of an exception and of what caused it, oldest first.

    Without the exceptions' texts, save those of our own errors: others quote what they were given, which may be an
    address with a password or a row of somebody's file. Without source lines and variables for the same reason.
    """
    return "\n".join(_lines(error, set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _lines(before, seen)
        yield "which led to"
    for frame, line in list(traceback.walk_tb(error.__traceback__))[-_FRAMES:]:
        yield f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}'
    yield _name(error)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield "with"
            yield from _lines(each, seen)


def _name(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return f"{name} {error.code}: {error}" if isinstance(error, StepmillError) else name
