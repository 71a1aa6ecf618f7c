"""Tables written by Python's csv module in any dialect: detected and read, they have the cells that were written."""

import csv
import gzip
import io
from datetime import date
from typing import Any

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepmill.etl.readers.detect import detect_source
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation
from tests.etl.readers.detecting import DECODING

LOCATION = BlobLocation("memory://round-trip")

NAMES = st.lists(
    st.text(st.sampled_from("abcdefgh"), min_size=2, max_size=8).map(lambda name: f"{name}_x"),
    min_size=1,
    max_size=6,
    unique=True,
)
INTEGERS = st.integers(0, 100_000).map(str)
DECIMALS = st.decimals(0, 10_000, places=2).map(str)
DATES = st.dates(date(1990, 1, 1), date(2030, 1, 1)).map(str)
WORDS = st.sampled_from(["red", "green", "blue", "Ann", "Bob", "n/a", ""])
SENTENCES = st.lists(
    st.sampled_from(["well", "so, it is", "a; b", 'he said "no"', "it's", "two\nlines", "end."]), min_size=1, max_size=4
).map(" ".join)
# The first column is typed, so that it can be told whether there is a header.
KINDS = [INTEGERS, DECIMALS, DATES, WORDS, SENTENCES]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    names = draw(NAMES)
    kinds = [draw(st.sampled_from(KINDS[:3])), *(draw(st.sampled_from(KINDS)) for _ in names[1:])]
    rows = draw(st.lists(st.tuples(*kinds).map(list), min_size=3, max_size=25))
    return names, rows


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    tables(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(['"', "'"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]),
    st.booleans(),
    st.sampled_from(["", "Report\n", "Made by hand\n\n"]),
)
def test_what_was_written_is_read(
    table: tuple[list[str], list[list[str]]],
    delimiter: str,
    quote: str,
    quoting: Any,
    has_header: bool,
    encoding: str,
    is_packed: bool,
    preamble: str,
) -> None:
    names, rows = table
    if len(names) == 1 and (preamble or not has_header):
        preamble, has_header = "", True  # a single column leaves no way to tell
    if quote == "'":
        quoting = csv.QUOTE_ALL  # an apostrophe that is seen once may as well be one
    text = io.StringIO()
    text.write(preamble)
    writer = csv.writer(text, delimiter=delimiter, quotechar=quote, quoting=quoting)
    writer.writerows([names, *rows] if has_header else rows)
    data = text.getvalue().encode(encoding)
    fsspec.filesystem("memory").pipe("/round-trip", gzip.compress(data) if is_packed else data)

    detected = detect_source(LOCATION, "data.csv", DECODING)
    blocks = list(read_blocks(LOCATION, detected.source))

    assert [list(row) for block in blocks for row in block.frame.rows()] == rows
    assert [reject for block in blocks for reject in block.rejects] == []
    assert detected.source.columns == (
        tuple(names) if has_header else tuple(f"column_{number}" for number in range(1, len(names) + 1))
    )
