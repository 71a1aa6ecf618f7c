"""Run an iterator one item ahead in a thread: the next item is made while the last one is used."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar

T = TypeVar("T")

_END: Final = object()


def made_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items. An exception comes out where its item would have.

    Close it (``contextlib.closing``) if it is left before its end: that waits for the item in the making.
    """
    context = copy_context()  # the thread's statements are of the same trace

    def make() -> T | object:
        return context.run(lambda: next(items, _END))

    with ThreadPoolExecutor(1, thread_name_prefix="stepmill-ahead") as thread:
        following = thread.submit(make)
        while (item := following.result()) is not _END:
            following = thread.submit(make)
            yield item  # type: ignore[misc]  # what is not the end is an item
