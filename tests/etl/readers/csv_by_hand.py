"""CSV read one character at a time: slow, and plain enough to be believed. The real reader is held against it."""

from dataclasses import dataclass, field

from stepmill.etl.plan.source import SourceFormat


@dataclass
class Expected:
    """The rows with their lines, and the rejects as line and code."""

    rows: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    rejects: list[tuple[int, str]] = field(default_factory=list)


def read_by_hand(data: bytes, source: SourceFormat, record_bytes: int) -> Expected:
    """What the reader should make of ``data``, which has neither preamble nor header."""
    expected = Expected()
    position, line = 0, 1
    while position < len(data):
        end_of_line = _line_end(data, position)
        if data[position:end_of_line].strip(b"\r\n") == b"" or _is_comment(data, position, source):
            position, line = end_of_line, line + 1
            continue
        if end_of_line - position > record_bytes:
            expected.rejects.append((line, "record_too_large"))
            position, line = end_of_line, line + 1
            continue
        fields, end, state = _record(data, position, source)
        if state == "stray" and _line_end(data, end) - position <= record_bytes:
            expected.rejects.append((line, "stray_quote"))
            position, line = end_of_line, line + 1
            continue
        if state != "closed" or end - position > record_bytes:
            expected.rejects.append((line, "unclosed_quote"))
            position, line = end_of_line, line + 1
            continue
        _judge(expected, line, fields, data[position:end], source)
        line += _count_lines(data[position:end])
        position = end
    return expected


def _judge(expected: Expected, line: int, fields: list[bytes], record: bytes, source: SourceFormat) -> None:
    width = len(source.columns)
    try:
        texts = tuple(value.decode(source.encoding) for value in fields)
    except UnicodeDecodeError:
        expected.rejects.append((line, "bad_encoding"))
        return
    if source.trailing_delimiter and len(texts) > 1 and texts[-1] == "" and len(texts) != width:
        texts = texts[:-1]
    if len(texts) == width:
        expected.rows.append((line, texts))
    elif width > 1 and not record.decode(source.encoding).strip():
        pass
    else:
        expected.rejects.append((line, "too_few_fields" if len(texts) < width else "too_many_fields"))


def _record(data: bytes, position: int, source: SourceFormat) -> tuple[list[bytes], int, str]:
    """The fields, where the record ends, and whether it is closed, open or has something behind a closing quote."""
    delimiter = (source.delimiter or "\x1f").encode()
    quote = source.quote.encode() if source.quote else None
    escape = source.escape.encode() if source.escape else None
    fields = [b""]
    state = "start"
    position = _skip_spaces(data, position, source)
    while position < len(data):
        byte = data[position : position + 1]
        position += 1
        if byte == escape and state != "behind":
            fields[-1] += data[position : position + 1]
            position += 1
            state = "quoted" if state == "quoted" else "plain"
        elif state == "quoted":
            if byte != quote:
                fields[-1] += byte
            elif data[position : position + 1] == quote:
                fields[-1] += byte
                position += 1
            else:
                state = "behind"
        elif byte in (b"\r", b"\n"):
            return fields, _line_end(data, position - 1), "closed"
        elif byte == delimiter:
            fields.append(b"")
            position = _skip_spaces(data, position, source)
            state = "start"
        elif state == "behind" and byte not in (b" ", b"\t"):
            return fields, position - 1, "stray"
        elif byte == quote and state == "start":
            state = "quoted"
        else:
            fields[-1] += byte
            state = {"start": "plain"}.get(state, state)
    return fields, len(data), "open" if state == "quoted" else "closed"


def _skip_spaces(data: bytes, position: int, source: SourceFormat) -> int:
    """Where the quote stands that opens the field, if there are but spaces before it."""
    quote = position
    while source.skip_initial_space and source.quote and data[quote : quote + 1] == b" ":
        quote += 1
    return quote if source.quote and data[quote : quote + 1] == source.quote.encode() else position


def _is_comment(data: bytes, position: int, source: SourceFormat) -> bool:
    return source.comment is not None and data[position : position + 1] == source.comment.encode()


def _line_end(data: bytes, position: int) -> int:
    for index in range(position, len(data)):
        if data[index : index + 1] == b"\n":
            return index + 1
        if data[index : index + 1] == b"\r":
            return index + 2 if data[index + 1 : index + 2] == b"\n" else index + 1
    return len(data)


def _count_lines(record: bytes) -> int:
    count, position = 0, 0
    while position < len(record):
        position = _line_end(record, position)
        count += 1
    return count
