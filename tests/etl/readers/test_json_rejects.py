"""What becomes of JSON that is broken: which lines are lost, with which reason, and what is read all the same."""

import fsspec
import pytest

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.limits import RECORD_BYTES
from stepmill.etl.readers.read import read_blocks
from stepmill.gateways.blobs import BlobLocation

LOCATION = BlobLocation("memory://rejects.json")
NOT_CLOSED = "The record is no valid JSON: it is not closed before the next record begins or the file ends."


def read(
    data: str | bytes, record_bytes: int = RECORD_BYTES, **source: str | None
) -> tuple[list[tuple[int, str | None]], list[Reject]]:
    """The rows by line and the field ``a``, and the rejects."""
    fsspec.filesystem("memory").pipe("/rejects.json", data.encode() if isinstance(data, str) else data)
    form = SourceFormat.model_validate({"format": "json", "columns": ("a",), **source})
    blocks = list(read_blocks(LOCATION, form, block_bytes=200, record_bytes=record_bytes))
    rows = [pair for block in blocks for pair in zip(block.lines.to_list(), block.frame["a"].to_list(), strict=True)]
    return rows, [reject for block in blocks for reject in block.rejects]


@pytest.mark.parametrize(
    ("data", "kept", "lost"),
    [
        ('[\n{"a":1},\n{"a":{"b":2},\n{"a":3},\n{"a":4}\n]', [(2, "1"), (4, "3"), (5, "4")], (3, NOT_CLOSED)),
        ('[\n{"a":1},\n{"a":"x},\n{"a":3}\n]', [(2, "1"), (4, "3")], (3, NOT_CLOSED)),
        ('[\n {"a":1},\n {"a":[2},\n {"a":3}\n]', [(2, "1"), (4, "3")], (3, NOT_CLOSED)),
        (
            '[\n  {\n    "a": 1\n  },\n  {\n    "a": {\n  },\n  {\n    "a": 3\n  }\n]',
            [(2, "1"), (8, "3")],
            (5, NOT_CLOSED),
        ),
        ('[\n{"a":1},\n{"a":2', [(2, "1")], None),
        (
            '[{"a":1}, 7, {"a":2}]',
            [(1, "1"), (1, "2")],
            (1, "The record is no JSON object with fields, but a single value."),
        ),
        ('[{"a":1}, null, {"a":2}]', [(1, "1"), (1, "2")], (1, "The record is no JSON object with fields, but null.")),
        (
            '[{"a":1}, [2], {"a":2}]',
            [(1, "1"), (1, "2")],
            (1, "The record is no JSON object with fields, but an array."),
        ),
        (
            '[{"a":1}, "},{", {"a":2}]',
            [(1, "1"), (1, "2")],
            (1, "The record is no JSON object with fields, but a single value."),
        ),
        ('[{"a":1},,{"a":2} {"a":3}]', [(1, "1"), (1, "2"), (1, "3")], None),
        (
            '[{"a":1}, {"a":2,}, {"a":3}]',
            [(1, "1"), (1, "3")],
            (1, "The record is no valid JSON: a name in double quotes is missing at character 8."),
        ),
        (
            '[{"a":1}, {"a" 2}, {"a":3}]',
            [(1, "1"), (1, "3")],
            (1, "The record is no valid JSON: ':' is missing at character 6."),
        ),
        (
            '[{"a":1}, {"a":"\\ud800"}, {"a":3}]',
            [(1, "1"), (1, "3")],
            (1, "The record is no valid JSON: it escapes half a character (a lone surrogate)."),
        ),
    ],
)
def test_a_broken_element_is_lost_alone(data: str, kept: list[tuple[int, str]], lost: tuple[int, str] | None) -> None:
    if lost is None and not data.endswith("]"):
        with pytest.raises(DataError):
            read(data)
        return
    rows, rejects = read(data)

    assert rows == kept
    assert [(reject.line, reject.reason) for reject in rejects] == ([lost] if lost is not None else [])


def test_the_last_element_of_an_inner_array_may_be_broken() -> None:
    data = '{\n "data": [\n  {"a":1},\n  {"a":{"b":2}\n ],\n "other": [\n  {"a":9}\n ]\n}'

    rows, rejects = read(data, records_path="data")

    assert rows == [(3, "1")]
    assert [(reject.line, reject.code, reject.raw) for reject in rejects] == [(4, "bad_json", '{"a":{"b":2}')]


@pytest.mark.parametrize("data", ['[{"a":1},{"a":2}', '[\n{"a":1},\n', '[{"a":1},{"a":"x', "[", '[\n{"a":1},\n{"a":2'])
def test_a_document_that_breaks_off_is_an_error(data: str) -> None:
    with pytest.raises(DataError) as caught:
        read(data)

    assert caught.value.code == "truncated_file"
    assert caught.value.details == {"line": data.rstrip().count("\n") + 1}


def test_brackets_that_leave_no_way_to_go_on_are_an_error() -> None:
    with pytest.raises(DataError) as caught:
        read('{"data": [{"a":1}, {"a":2]}, {"a":3}], "other": [{"a":4}]}', records_path="data")

    assert caught.value.code == "broken_json"


@pytest.mark.parametrize(
    "filler",
    ['"{0}"', "[{0}]", '{{"b": [{0}]}}', '"\\"}}, {{{0}"'],
    ids=["string", "array", "object", "string with escapes"],
)
def test_an_overlong_element_is_gone_by(filler: str) -> None:
    large = filler.format(", ".join(["1"] * 3_000) if filler[0] != '"' else "x" * 9_000)

    rows, rejects = read(f'[{{"a":1}},\n{{"a":{large}}},\n{{"a":3}}]', record_bytes=1_000)

    assert rows == [(1, "1"), (3, "3")]
    assert [(reject.line, reject.code) for reject in rejects] == [(2, "record_too_large")]


def test_an_overlong_element_of_many_lines_ends_before_the_next() -> None:
    large = "".join(f'    "f{number}": {{"x": [1,\n 2]}},\n' for number in range(400))

    rows, rejects = read(f'[\n  {{"a":1}},\n  {{\n{large}\n  {{"a":3}}\n]', record_bytes=1_000)

    assert rows == [(2, "1"), (805, "3")]
    assert [(reject.line, reject.code) for reject in rejects] == [(3, "record_too_large")]


def test_objects_one_after_another_may_break_off() -> None:
    rows, rejects = read('{"a":1}\n{"a":2}\n{"a":')

    assert rows == [(1, "1"), (2, "2")]
    assert [(reject.line, reject.code) for reject in rejects] == [(3, "bad_json")]


def test_what_cannot_be_decoded_is_lost_alone() -> None:
    rows, rejects = read(b'[{"a":"1"},\n{"a":"\xff"},\n{"a":"3"}]')

    assert rows == [(1, "1"), (3, "3")]
    assert [(reject.line, reject.code) for reject in rejects] == [(2, "bad_encoding")]


def test_there_may_be_no_array_where_it_should_be() -> None:
    with pytest.raises(DataError) as caught:
        read('{"data": {"a": 1}}', records_path="data.items")

    assert caught.value.code == "records_not_found"


@pytest.mark.parametrize("encoding", ["cp932", "gb18030", "big5"])
def test_second_bytes_that_look_like_marks_do_no_harm(encoding: str) -> None:
    text = {"cp932": "\u8868\u793a\u30bd", "gb18030": "\u4e02\u8a79\u4fa0", "big5": "\u529f\u8a31\u84cb"}[encoding]

    rows, rejects = read(f'[{{"a":"{text}"}},\n{{"a":"{text}"}}]'.encode(encoding), encoding=encoding)

    assert rows == [(1, text), (2, text)]
    assert rejects == []


def test_names_that_no_column_can_have() -> None:
    fsspec.filesystem("memory").pipe("/rejects.json", b'{"":1,"a\\u0000b":2,"a":3,"a":4}\n')

    (block,) = read_blocks(LOCATION, SourceFormat(format="jsonl"))

    assert block.frame.to_dicts() == [{"(no name)": "1", "ab": "2", "a": "4"}]
