"""Where the buckets of a histogram begin."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepmill.warehouse.histogram import as_buckets, lower_bounds

ENDS = st.one_of(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2),
    st.tuples(*[st.decimals(-(10**28), 10**28, places=10)] * 2),
    st.tuples(*[st.dates()] * 2),
    st.tuples(*[st.datetimes()] * 2),
    st.tuples(*[st.times()] * 2),
)


@given(ENDS)
def test_the_buckets_of_any_range(ends: tuple[Any, Any]) -> None:
    low, high = sorted(ends)
    bounds = lower_bounds(low, high)
    assert bounds[0] == low
    assert 1 <= len(bounds) <= 20
    assert all(before < after for before, after in zip(bounds, [*bounds[1:], high], strict=True)) or bounds[-1] == high
    assert sorted(set(bounds)) == bounds
    assert bounds[-1] <= high
    assert {type(bound) for bound in bounds} == {type(low)}


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        (1, 3, [1, 2, 3]),
        (0, 99, list(range(0, 100, 5))),
        (7, 7, [7]),
        (0.0, 1e-323, [0.0, 5e-324]),  # as small as doubles get
        (-1.7e308, 1.7e308, None),
        (0.0, 10.0, [number / 2 for number in range(20)]),
        (Decimal("0.00"), Decimal("1.00"), [Decimal(number) / 20 for number in range(20)]),
        (Decimal(0), Decimal(200), [Decimal(number) for number in range(0, 201, 11)]),
        (date(2024, 2, 28), date(2024, 3, 1), [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]),
        (datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 19), None),
        (time(0), time(20), None),
    ],
)
def test_where_buckets_begin(low: Any, high: Any, bounds: list[Any] | None) -> None:
    found = lower_bounds(low, high)
    assert found == bounds if bounds else len(found) == 20


def test_a_bucket_without_values_is_there() -> None:
    assert as_buckets([1, 2, 3], 3, {0: 4, 2: 1}) == [
        {"from": 1, "to": 2, "count": 4},
        {"from": 2, "to": 3, "count": 0},
        {"from": 3, "to": 3, "count": 1},
    ]
