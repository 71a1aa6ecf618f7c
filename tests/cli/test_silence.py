"""When a worker counts as frozen: by what was seen of it, and by no clock."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from stepmill.cli.supervision.silence import silence
from stepmill.errors import UnavailableError

FIRST, SECOND = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)
AWAY = UnavailableError("database_unavailable", "It is away.")


@pytest.mark.parametrize(
    ("signs", "looks"),
    [
        ([FIRST, FIRST, FIRST, FIRST], 4),
        ([FIRST, FIRST, SECOND, SECOND, SECOND, SECOND], 6),
        ([None, None, None, None, FIRST, FIRST, FIRST, FIRST], 8),  # it was still starting
        ([FIRST, FIRST, FIRST, AWAY, FIRST, FIRST, FIRST, FIRST], 8),  # it could not say anything
    ],
)
async def test_it_is_silent_after_enough_looks_in_a_row(
    signs: Sequence[datetime | Exception | None], looks: int
) -> None:
    rest: Iterator[datetime | Exception | None] = iter(signs)
    taken = 0

    async def last_seen() -> datetime | None:
        nonlocal taken
        taken += 1
        sign = next(rest)
        if isinstance(sign, Exception):
            raise sign
        return sign

    await asyncio.wait_for(silence(last_seen, dead_after_seconds=3 / 128, look_seconds=1 / 128), 10)
    assert taken == looks
