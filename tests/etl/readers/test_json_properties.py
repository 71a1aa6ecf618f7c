"""JSON Lines and arrays: against Python's json module, cut into blocks everywhere, and taken up at any of them."""

import json
from itertools import pairwise
from typing import Any

import fsspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import BlockStart, RawBlock
from stepmill.etl.readers.limits import RECORD_BYTES
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation

LOCATION = BlobLocation("memory://properties.json")
LINES = SourceFormat(format="jsonl")
ARRAY = SourceFormat(format="json")
SIZES = st.integers(64, 300)
Outcome = tuple[list[tuple[int, dict[str, str]]], list[tuple[int, str]]]

KEYS = st.sampled_from(["a", "b", "c d", "é", 'q"', "back\\slash", "n\nl", "{", "a:b", "null"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.sampled_from('ab {}[],:"\\/\n\t\x00é€😀'), max_size=8),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=5)
STYLES = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "indent": st.sampled_from([None, 0, 1, 4]),
        "separators": st.sampled_from([(",", ":"), (", ", ": ")]),
    }
)


def store(data: bytes) -> None:
    fsspec.filesystem("memory").pipe("/properties.json", data)


def read(data: bytes, source: SourceFormat, *, block_bytes: int, record_bytes: int = RECORD_BYTES) -> list[RawBlock]:
    store(data)
    return list(read_blocks(LOCATION, source, block_bytes=block_bytes, record_bytes=record_bytes))


def outcome(blocks: list[RawBlock]) -> Outcome:
    rows: list[tuple[int, dict[str, str]]] = []
    rejects: list[tuple[int, str]] = []
    for block in blocks:
        assert block.lines.len() == block.frame.height
        assert block.next.record == block.start.record + block.records
        filled = [{name: value for name, value in row.items() if value is not None} for row in block.frame.to_dicts()]
        rows += zip(block.lines.to_list(), filled, strict=True)
        rejects += [(reject.line, reject.code) for reject in block.rejects]
    assert all(first.next == second.start for first, second in pairwise(blocks))
    return rows, rejects


def as_texts(record: dict[str, Any]) -> dict[str, Any]:
    """A record as a row has it, save that nested values are values here."""
    return {
        key.replace("\x00", ""): value if isinstance(value, str | list | dict) else json.dumps(value)
        for key, value in record.items()
        if value is not None
    }


def test_blank_lines_between_blocks_leave_no_gap() -> None:
    blocks = read(b'{"a":"long, long, long"}\n\n\n{"a":"long, long, long"}\n', LINES, block_bytes=16, record_bytes=12)
    assert outcome(blocks) == ([], [(1, "record_too_large"), (4, "record_too_large")])


def with_values(row: dict[str, str], record: dict[str, Any]) -> dict[str, Any]:
    """A row with its nested values parsed, so that white space in them does not count."""
    return {key: json.loads(text) if isinstance(record[key], list | dict) else text for key, text in row.items()}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORDS, max_size=12), STYLES, SIZES, st.sampled_from(["utf-8", "utf-16-le", "utf-32-be"]))
def test_arrays_of_any_style_are_read_exactly(
    records: list[dict[str, Any]], style: dict[str, Any], size: int, encoding: str
) -> None:
    data = json.dumps(records, **style).encode(encoding)

    rows, rejects = outcome(read(data, SourceFormat(format="json", encoding=encoding), block_bytes=size))

    assert [with_values(row, r) for (_, row), r in zip(rows, records, strict=True)] == [as_texts(r) for r in records]
    assert rejects == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORDS, max_size=12), st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n", "\n \t\n"]), SIZES)
def test_json_lines_are_read_exactly(records: list[dict[str, Any]], ascii_only: bool, line_end: str, size: int) -> None:
    data = "".join(json.dumps(record, ensure_ascii=ascii_only) + line_end for record in records).encode()

    rows, rejects = outcome(read(data, LINES, block_bytes=size))

    assert [with_values(row, r) for (_, row), r in zip(rows, records, strict=True)] == [as_texts(r) for r in records]
    assert [line for line, _ in rows] == [1 + index * line_end.count("\n") for index in range(len(records))]
    assert rejects == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORDS, max_size=8), st.sampled_from(["", " ", "\n", ",\n", "\n\n"]), STYLES, SIZES)
def test_objects_one_after_another_are_read(
    records: list[dict[str, Any]], between: str, style: dict[str, Any], size: int
) -> None:
    data = between.join(json.dumps(record, **style) for record in records).encode()

    rows, rejects = outcome(read(data, ARRAY, block_bytes=size))

    assert [with_values(row, r) for (_, row), r in zip(rows, records, strict=True)] == [as_texts(r) for r in records]
    assert rejects == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORDS, max_size=8), STYLES, SIZES)
def test_the_array_may_be_deep_in_a_document(records: list[dict[str, Any]], style: dict[str, Any], size: int) -> None:
    document = {"meta": {"items": [1, 2], "a": "]"}, "data": {"x": [], "items": records, "y": [{"a": 5}]}, "z": [{}]}
    source = SourceFormat(format="json", records_path="data.items")

    rows, rejects = outcome(read(json.dumps(document, **style).encode(), source, block_bytes=size))

    assert [with_values(row, r) for (_, row), r in zip(rows, records, strict=True)] == [as_texts(r) for r in records]
    assert rejects == []


PIECES = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"\r\n", b" ", b"  ", b"1", b"-0", b"null", b"tru"),
    *(b'{"a":1}', b'{"a":2},\n', b'{"b":"x"}', b'{"a":{"b":[1,{"c":2}]}}', b'\n{"a":3}', b'\n  {"a":4},', b"\n  ]"),
    *(b'"a"', b'"a":', b'"}', b'\\"', b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'{"a":1.50}', b'{"a":1e999,"a":2}', b"NaN"),
    *(b'{"a":"\xc3\xa9 long, long, long, long, long, long, long"},', b'{"a":{"b":1},\n', b"\xe9", b"\x00", b'{"":1}'),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
ANY_ARRAY = st.builds(
    lambda start, text, end: start + text + end,
    st.sampled_from([b"", b"[", b"[\n"]),
    TEXTS,
    st.sampled_from([b"", b"]", b"\n]\n"]),
)
SOURCES = st.sampled_from(
    [LINES, ARRAY, SourceFormat(format="json", columns=("a", "z")), SourceFormat(format="jsonl", encoding="cp1252")]
)


def attempt(data: bytes, source: SourceFormat, *, block_bytes: int, record_bytes: int) -> tuple[Outcome, str | None]:
    """What is read, and the error that reading ends with."""
    store(data)
    blocks: list[RawBlock] = []
    try:
        for block in read_blocks(LOCATION, source, block_bytes=block_bytes, record_bytes=record_bytes):
            blocks.append(block)  # noqa: PERF402  what came before an error is wanted
    except DataError as error:
        return outcome(blocks), error.code
    return outcome(blocks), None


@settings(max_examples=400, deadline=None)
@given(ANY_ARRAY, SOURCES, SIZES, st.sampled_from([24, 40, 1000]))
@example(b'[{"a":1},\n{"a":{"b":2},\n{"a":3}\n]', ARRAY, 64, 24)
@example(b'[\n{"a":"x},\n{"a":"y"}\n]', ARRAY, 64, 1000)
def test_it_makes_no_difference_where_blocks_end(data: bytes, source: SourceFormat, size: int, limit: int) -> None:
    small = attempt(data, source, block_bytes=size, record_bytes=limit)
    large = attempt(data, source, block_bytes=100_000, record_bytes=limit)

    assert small == large


@settings(max_examples=200, deadline=None)
@given(ANY_ARRAY, SOURCES, SIZES, st.sampled_from([24, 40, 1000]), st.data())
def test_reading_can_be_taken_up_at_any_block(
    data: bytes, source: SourceFormat, size: int, limit: int, draw: st.DataObject
) -> None:
    store(data)
    blocks: list[RawBlock] = []
    code = None
    try:
        for block in read_blocks(LOCATION, source, block_bytes=size, record_bytes=limit):
            blocks.append(block)  # noqa: PERF402  what came before an error is wanted
    except DataError as error:
        code = error.code
    if not blocks:
        return
    first = draw.draw(st.integers(0, len(blocks) - 1))
    last = draw.draw(st.integers(first, len(blocks) - 1))
    start, stop = blocks[first].start, blocks[last].next

    if not blocks[last].rejects:  # where a broken record ends is told by the line after it
        between = list(read_blocks(LOCATION, source, start, stop, block_bytes=1000, record_bytes=limit))
        assert outcome(between) == outcome(blocks[first : last + 1])

    assert from_block(start, source, limit) == (outcome(blocks[first:]), code)


def from_block(start: BlockStart, source: SourceFormat, limit: int) -> tuple[Outcome, str | None]:
    blocks: list[RawBlock] = []
    try:
        for block in read_blocks(LOCATION, source, start, block_bytes=1000, record_bytes=limit):
            blocks.append(block)  # noqa: PERF402  what came before an error is wanted
    except DataError as error:
        return outcome(blocks), error.code
    return outcome(blocks), None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_each_line_is_a_row_or_a_reject_as_the_json_module_has_it(line: bytes) -> None:
    line = line.replace(b"\n", b"").replace(b"\r", b"")
    if not line.strip(b" \x00"):
        return
    rows, rejects = outcome(read(b'{"a":0}\n' + line + b'\n{"a":9}', LINES, block_bytes=1000))

    try:
        value = json.loads(line.decode())
        json.dumps(value, ensure_ascii=False).encode()
        expected = "row" if isinstance(value, dict) else "not_an_object"
    except UnicodeDecodeError:
        expected = "bad_encoding"
    except ValueError:
        expected = "bad_json"
    assert (len(rows), len(rejects)) == ((3, 0) if expected == "row" else (2, 1))
    assert [code for _, code in rejects] == ([] if expected == "row" else [expected])


KEY_SPELLINGS = st.sampled_from(['"a"', '"\\u0061"', '"b"', ' "a" ', '\t"b"'])
DOUBLED = st.lists(st.tuples(KEY_SPELLINGS, st.sampled_from(["1", '"x"', "null", "[2]", '"\\n"'])), max_size=4)


@settings(max_examples=200, deadline=None)
@given(st.lists(DOUBLED, min_size=1, max_size=6), st.booleans())
@example([[('"a"', "1"), ('"a"', "2")]], False)
@example([[('"a"', "1"), ('"a"', "null")]], True)
@example([[('"a"', "1"), ('"\\u0061"', "2"), ('"a"', "3")], [(' "a" ', "1"), ('"a"', "2")]], False)
def test_of_a_key_that_comes_twice_the_last_counts(records: list[list[tuple[str, str]]], is_exact: bool) -> None:
    exact = ',"c":"\\ud83d\\ude00"' if is_exact else ""  # takes the way of records that are read one by one
    lines = [
        "{" + ",".join(f"{key}:{value}" for key, value in [*record, ('"z"', "0")]) + exact + "}" for record in records
    ]

    rows, rejects = outcome(read("\n".join(lines).encode(), LINES, block_bytes=1000))

    parsed = [json.loads(line) for line in lines]
    assert [with_values(row, r) for (_, row), r in zip(rows, parsed, strict=True)] == [as_texts(r) for r in parsed]
    assert rejects == []
