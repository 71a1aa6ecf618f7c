"""Several files of an archive, read one after another as one table."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import BlockStart, RawBlock, Reject

ReadOne = Callable[[SourceFormat, BlockStart | None, BlockStart | None], Iterator[RawBlock]]


def read_members(
    source: SourceFormat, start: BlockStart | None, stop: BlockStart | None, read_one: ReadOne
) -> Generator[RawBlock, None, None]:
    """The records of all members, in order. Lines count in each from 1; rejects say which one they are of."""
    first, last = start.member if start else 0, stop.member if stop else len(source.members) - 1
    records = start.record if start else 0
    for number in range(first, last + 1):
        path = source.members[number]
        one = source.model_copy(update={"member": path, "members": ()})
        begin = start if number == first else None
        before = 0 if begin is not None else records
        for block in read_one(one, begin, stop if stop and number == stop.member else None):
            placed = _placed(block, number, before, path)
            records = placed.next.record
            yield placed


def _placed(block: RawBlock, member: int, records_before: int, path: str) -> RawBlock:
    def place(at: BlockStart) -> BlockStart:
        return replace(at, member=member, record=at.record + records_before)

    rejects = [_told(reject, path) for reject in block.rejects]
    return replace(block, start=place(block.start), next=place(block.next), rejects=rejects)


def _told(reject: Reject, path: str) -> Reject:
    return replace(reject, reason=f"{reject.reason} It is in {path!r}.")
