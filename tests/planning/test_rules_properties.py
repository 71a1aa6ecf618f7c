"""Whatever a file holds, the plan that the rules make of it loads it, and no value changes its meaning.

The columns are drawn with the meaning of each text, so that the expectation does not come from the code under test.
"""

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepmill.etl.plan.types import LogicalType
from tests.planning.support import Loaded, load

THOUSANDS_OR_DECIMALS = re.compile(r"[^0-9]*[0-9]{1,3}[.,][0-9]{3}[^0-9]*$")
COUNT = re.compile(r"rejected: ([0-9,]+)")
Cell = tuple[str, Any]
"""A text and what it means."""


def as_written(values: st.SearchStrategy[Any], write: Callable[[Any], str] = str) -> st.SearchStrategy[Cell]:
    return values.map(lambda value: (write(value), value))


def with_marks(value: Decimal, decimal: str, group: str) -> str:
    return f"{value:,}".translate({ord(","): group, ord("."): decimal})


def local_numbers(marks: tuple[str, str], affixes: tuple[str, str], places: int) -> st.SearchStrategy[Cell]:
    numbers = st.decimals(-(10**9), 10**9, places=places)
    return as_written(numbers, lambda value: f"{affixes[0]}{with_marks(value, *marks)}{affixes[1]}")


LOCAL_NUMBERS = st.builds(
    local_numbers,
    st.sampled_from([(",", "."), (".", ","), (",", " "), (".", "'"), (",", "\u00a0"), (",", "")]),
    st.sampled_from([("", ""), ("$", ""), ("", " €"), ("CHF ", ""), ("", "%")]),
    st.integers(0, 3),
)


def local_dates(order: str, time: str) -> st.SearchStrategy[Cell]:
    moments = st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2049, 12, 31))
    texts = moments.map(lambda value: value.strftime(order + time))
    return texts.map(lambda text: (text, dt.datetime.strptime(text, order + time)))


def orders(day_first: bool) -> list[str]:
    numbers = ["%d/%m/%Y", "%d-%m-%Y"] if day_first else ["%m/%d/%Y", "%m-%d-%Y"]
    return [*numbers, "%d.%m.%Y", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y", "%d-%b-%Y"]


TIMES = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", "T%H:%M:%S"]

WORDS = st.sampled_from([("true", "false"), ("t", "f"), ("Yes", "No"), ("ja", "nein"), ("oui", "non")])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
NEARLY = st.text(st.sampled_from("0123456789.,-+eE: /TZaNn$€% '\u00a0_()"), max_size=9)
LIKELY = st.sampled_from(
    [
        *(
            "NA",
            "-",
            "NULL",
            "nan",
            "inf",
            " ",
            "1",
            "0",
            "01",
            "1.5",
            "1,5",
            "1e5",
            "2024-01-31",
            "20240131",
            "31.1.2024",
        ),
        *(
            "12:30",
            "true",
            "yes",
            "no",
            "0000-00-00",
            "2024-01-31 10:00",
            "2024-01-31T10:00:00Z",
            " 7 ",
            "\x00",
            "{}",
            "[]",
        ),
        *(
            "1,234",
            "1.234.567",
            "$5",
            "5%",
            "1/2/2024",
            "13/2/2024",
            "2/13/2024",
            "1e999",
            "1e-999",
            "9" * 20,
            "+49123456",
        ),
        *(
            "2024-01-31T10:00:00.123456789Z",
            "2024-02-30",
            "0000-01-01",
            "24:00",
            "Jan 5, 2024",
            "1 May 2024",
            "-0",
            "1.",
            ".5",
        ),
    ]
)
MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))


def kinds(day_first: bool) -> st.SearchStrategy[st.SearchStrategy[Cell]]:
    """Columns whose values are of one kind."""
    json_values = st.lists(st.integers() | TEXTS) | st.dictionaries(TEXTS, st.none() | st.booleans())
    fixed = [
        as_written(st.integers(-(2**63), 2**63 - 1).map(Decimal)),
        as_written(st.integers(0, 10**40).map(Decimal)),
        as_written(st.decimals(-(10**12), 10**12, places=2), lambda value: f"{value:.2f}"),
        as_written(st.floats(allow_nan=False, allow_infinity=False), repr),
        as_written(st.dates(), str),
        as_written(MOMENTS, lambda value: value.isoformat()),
        as_written(MOMENTS.map(lambda value: value.replace(tzinfo=dt.UTC)), lambda value: value.isoformat(" ")),
        as_written(st.times().map(lambda value: value.replace(second=value.second or 1))),
        as_written(st.uuids()),
        as_written(json_values, json.dumps),
        as_written(TEXTS),
        NEARLY.map(lambda text: (text, None)),
        LIKELY.map(lambda text: (text, None)),
        (NEARLY | LIKELY).map(lambda text: (text, None)),
    ]
    dates = st.builds(local_dates, st.sampled_from(orders(day_first)), st.sampled_from(TIMES))
    words = WORDS.map(lambda pair: st.booleans().map(lambda value: (pair[0] if value else pair[1], value)))
    return st.sampled_from(fixed) | words | LOCAL_NUMBERS | dates


@dataclass(frozen=True)
class File:
    columns: dict[str, list[Cell]]

    @property
    def texts(self) -> dict[str, Sequence[str]]:
        return {name: [text for text, _ in cells] for name, cells in self.columns.items()}


@st.composite
def files(draw: st.DrawFn) -> File:
    rows = draw(st.integers(1, 40))
    day_first = draw(st.booleans())
    missing = st.just(("", None))
    columns = {}
    for name in ("first", "price", "is_so", "d")[: draw(st.integers(1, 4))]:
        cells = draw(kinds(day_first))
        if draw(st.booleans()):
            cells = cells | missing
        columns[name] = draw(st.lists(cells, min_size=rows, max_size=rows))
    return File(columns)


def means(text: str, meaning: Any, value: Any, loaded: Loaded, name: str) -> bool:
    """Whether a loaded value is what the text says."""
    column = loaded.column(name)
    stripped = text.strip()
    if column.type is LogicalType.TEXT:
        return bool(value == (text or None))
    if value is None:
        return stripped == "" or stripped in column.null_values
    if column.mapping.kind == "NUMBER_FORMAT":
        stripped = plain(stripped, column.mapping)
    is_open = THOUSANDS_OR_DECIMALS.match(text) is not None  # other columns may decide, as they do for people
    expected = meaning if meaning is not None and not is_open else BY_TYPE[column.type](stripped)
    if column.type is LogicalType.DOUBLE:
        return bool(value == float(expected)) or str(value) == str(float(expected))
    if column.type is LogicalType.TIMESTAMP and not isinstance(expected, dt.datetime):
        expected = dt.datetime.combine(expected, dt.time())
    if column.type is LogicalType.DATE and isinstance(expected, dt.datetime):
        expected = expected.date() if expected.time() == dt.time() else None
    if column.type is LogicalType.UUID:
        value = uuid.UUID(bytes=value)
    if column.type is LogicalType.JSON:
        value = json.loads(value)
    return bool(value == expected)


def plain(text: str, mapping: Any) -> str:
    for part in (*mapping.prefixes, *mapping.suffixes):
        text = text.replace(part, "")
    negative = "-" in text or "(" in text
    digits = "".join(letter for letter in text.replace(mapping.decimal, "D") if letter in "0123456789D")
    return ("-" if negative else "") + digits.replace("D", ".")


BY_TYPE: dict[LogicalType, Callable[[str], Any]] = {
    LogicalType.INTEGER: Decimal,
    LogicalType.NUMERIC: Decimal,
    LogicalType.DOUBLE: float,
    LogicalType.BOOLEAN: lambda text: text.lower() in ("true", "yes", "t", "y"),
    LogicalType.DATE: lambda text: date_of(text),
    LogicalType.TIME: dt.time.fromisoformat,
    LogicalType.TIMESTAMP: lambda text: date_of(text),
    LogicalType.TIMESTAMPTZ: lambda text: date_of(text),
    LogicalType.JSON: json.loads,
    LogicalType.UUID: uuid.UUID,
}


def date_of(text: str) -> dt.datetime:
    """A moment in one of the spellings that LIKELY has."""
    for form in ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%b %d, %Y", "%d %b %Y", "%Y%m%d"):
        try:
            return dt.datetime.strptime(text, form)
        except ValueError:
            continue
    return dt.datetime.fromisoformat(text[:26] + text[29:] if len(text) > 29 else text)


def check(file: File, loaded: Loaded) -> None:
    announced = {note.column: note for note in loaded.plan.notes if note.code in ("misfits", "nul_characters")}
    counts = [int(COUNT.search(note.message)[1].replace(",", "")) for note in announced.values()]  # type: ignore[index]
    assert {reject.column for reject in loaded.rejects} <= announced.keys()
    assert max(counts, default=0) <= len(loaded.rejects) <= sum(counts)
    height = len(next(iter(file.columns.values())))
    if not any(note.code == "nul_characters" for note in announced.values()):
        assert len(loaded.rejects) <= loaded.plan.max_rejects.allowed(height)
    assert len(loaded.rows) + len(loaded.rejects) == height
    ordinals = loaded_ordinals(file, loaded)
    for name, cells in file.columns.items():
        for ordinal, value in zip(ordinals, loaded.values(name), strict=True):
            text, meaning = cells[ordinal]
            assert means(text, meaning, value, loaded, name), (text, meaning, value, loaded.column(name))


def loaded_ordinals(file: File, loaded: Loaded) -> Sequence[int]:
    """Which rows of the file were loaded: lines count the line ends within values as well."""
    line, lines = 2, {}
    for ordinal, row in enumerate(zip(*file.texts.values(), strict=True)):
        lines[line] = ordinal
        joined = ",".join(row)
        line += 1 + joined.count("\n") + joined.count("\r") - joined.count("\r\n")
    return [lines[at] for at in loaded.lines]


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(files(), st.sampled_from([64, 200, 4_000_000]))
def test_every_row_is_loaded_and_means_what_it_says(file: File, block_bytes: int) -> None:
    check(file, load(file.texts, block_bytes))


@st.composite
def long_files(draw: st.DrawFn) -> File:
    """So many rows that a few odd ones among them are slips of the pen."""
    rows = draw(st.integers(1_100, 5_000))
    columns = {}
    for name in ("first", "price")[: draw(st.integers(1, 2))]:
        cells = draw(st.lists(draw(kinds(day_first=True)), min_size=3, max_size=8))
        column = [cells[row % len(cells)] for row in range(rows)]
        for odd in draw(st.lists(NEARLY | LIKELY, max_size=4)):
            column[draw(st.integers(0, rows - 1))] = (odd, None)
        columns[name] = column
    return File(columns)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(long_files(), st.sampled_from([10_000, 4_000_000]))
def test_slips_of_the_pen_are_announced_and_nothing_else_is_rejected(file: File, block_bytes: int) -> None:
    check(file, load(file.texts, block_bytes))


def test_a_zero_among_arrays_is_not_announced_as_rejected() -> None:
    cells = [("0", "0"), *[("[]", "[]")] * 1_100]
    file = File({"first": cells, "second": [(f"x{n}", f"x{n}") for n in range(len(cells))]})
    check(file, load(file.texts, 10_000))


def test_a_zero_among_words_is_rejected_as_announced() -> None:
    cells = [("0", None), *[("false", False)] * 1_100]
    file = File({"first": cells, "second": [(f"x{n}", f"x{n}") for n in range(len(cells))]})
    check(file, load(file.texts, 10_000))
