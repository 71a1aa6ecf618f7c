"""What goes wrong with CSV files, a function for each kind. Each makes a file and says what is in it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from bench.pollution.tables import Table, make_table


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None
    end: str = "\n"
    always_quoted: bool = False


@dataclass(frozen=True)
class Polluted:
    """A file and its truth. Without a header in the file, the truth has none."""

    data: bytes
    header: tuple[str, ...] | None
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Kind:
    """One kind of pollution. ``whole``: it is of the whole file, not of a cell or a row of it."""

    name: str
    make: Callable[[Random], Polluted]
    whole: bool = field(default=False)


KINDS: list[Kind] = []


def _kind(name: str, *, whole: bool = False) -> Callable[[Callable[[Random], Polluted]], Callable[[Random], Polluted]]:
    def register(make: Callable[[Random], Polluted]) -> Callable[[Random], Polluted]:
        KINDS.append(Kind(name, make, whole))
        return make

    return register


def write_cell(cell: str, dialect: Dialect) -> str:
    """A cell, enclosed where it must be."""
    special = (dialect.delimiter, dialect.quote, "\n", "\r")
    if not dialect.always_quoted and not any(mark in cell for mark in special):
        return cell
    inner = cell.replace(dialect.escape, dialect.escape * 2) if dialect.escape else cell
    inner = inner.replace(dialect.quote, (dialect.escape or dialect.quote) + dialect.quote)
    return f"{dialect.quote}{inner}{dialect.quote}"


def write_line(cells: Sequence[str], dialect: Dialect) -> str:
    """A record with its end."""
    return dialect.delimiter.join(write_cell(cell, dialect) for cell in cells) + dialect.end


def lines_of(table: Table, dialect: Dialect) -> list[str]:
    """The header and the records, each with its end."""
    return [write_line(cells, dialect) for cells in (table.header, *table.rows)]


def _done(lines: Sequence[str], table: Table, encoding: str = "utf-8", *, header: bool = True) -> Polluted:
    return Polluted("".join(lines).encode(encoding), table.header if header else None, table.rows)


def _usual(random: Random) -> Dialect:
    return random.choice((Dialect(), Dialect(), Dialect(";"), Dialect("\t"), Dialect(end="\r\n"), Dialect("|")))


def _spot(random: Random, table: Table) -> int:
    return random.randrange(len(table.rows))


# Of the whole file


@_kind("clean", whole=True)
def _clean(random: Random) -> Polluted:
    table = make_table(random)
    return _done(lines_of(table, _usual(random)), table)


@_kind("delimiter", whole=True)
def _delimiter(random: Random) -> Polluted:
    table = make_table(random)
    return _done(lines_of(table, Dialect(random.choice((";", "\t", "|", "^", "~", ":", "\x1f")))), table)


@_kind("delimiter of several characters", whole=True)
def _long_delimiter(random: Random) -> Polluted:
    table = make_table(random)
    return _done(lines_of(table, Dialect(random.choice(("::", "||", ", ", ";;", "\t\t", "<>", "|~|")))), table)


@_kind("blanks between fields", whole=True)
def _blanks(random: Random) -> Polluted:
    table = make_table(random, columns=("id", "quantity", "price", "ordered", "ok"))
    return _done(lines_of(table, Dialect(" ")), table)


@_kind("fixed width", whole=True)
def _fixed_width(random: Random) -> Polluted:
    table = make_table(random)
    cells = [table.header, *table.rows]
    widths = [max(len(row[at]) for row in cells) + 2 for at in range(len(table.header))]
    lines = ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + "\n" for row in cells]
    return _done(lines, table)


@_kind("quote", whole=True)
def _apostrophes(random: Random) -> Polluted:
    table = make_table(random)
    return _done(lines_of(table, Dialect(random.choice(",;\t"), "'", always_quoted=True)), table)


@_kind("everything quoted", whole=True)
def _always_quoted(random: Random) -> Polluted:
    table = make_table(random)
    return _done(lines_of(table, replace(_usual(random), always_quoted=True)), table)


@_kind("escape", whole=True)
def _escapes(random: Random) -> Polluted:
    table = make_table(random)
    column = random.randrange(len(table.header))
    rows = [
        (*row[:column], f'{row[column]} "so called"' if n % 3 == 0 else row[column], *row[column + 1 :])
        for n, row in enumerate(table.rows)
    ]
    table = replace(table, rows=tuple(rows))
    return _done(lines_of(table, Dialect(random.choice(",;"), escape="\\")), table)


@_kind("line ends", whole=True)
def _line_ends(random: Random) -> Polluted:
    table = make_table(random)
    return _done(lines_of(table, Dialect(end=random.choice(("\r", "\r\n")))), table)


@_kind("mixed line ends", whole=True)
def _mixed_line_ends(random: Random) -> Polluted:
    table = make_table(random)
    return _done([line[:-1] + random.choice(("\n", "\r\n", "\r")) for line in lines_of(table, Dialect())], table)


@_kind("no end of the last line", whole=True)
def _no_last_end(random: Random) -> Polluted:
    table = make_table(random)
    lines = lines_of(table, _usual(random))
    return _done([*lines[:-1], lines[-1].rstrip("\r\n")], table)


@_kind("encoding", whole=True)
def _encoding(random: Random) -> Polluted:
    table = make_table(random, columns=("id", "customer", "city", "price"), rows=random.choice((20, 60, 200)))
    name = random.choice(("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "mac-roman"))
    keep = [line.encode(name, "ignore").decode(name) for line in ("",)]
    rows = tuple(tuple(cell.encode(name, "ignore").decode(name) for cell in row) for row in table.rows)
    table = replace(table, rows=rows)
    return _done([*keep, *lines_of(table, Dialect(";"))], table, name)


@_kind("encoding of the east", whole=True)
def _eastern(random: Random) -> Polluted:
    name, words = random.choice(
        (
            ("cp932", ("東京都", "大阪府", "請求書", "受注番号", "株式会社", "支払済", "領収書をご確認ください")),
            ("gb18030", ("北京市", "上海市", "订单编号", "有限公司", "已付款", "发票号码", "请确认收据")),
            ("cp1251", ("Москва", "Санкт-Петербург", "Новосибирск", "заказ", "оплачено", "договор поставки")),
            ("iso8859-7", ("Αθήνα", "Θεσσαλονίκη", "παραγγελία", "πληρωμένο", "τιμολόγιο")),
        )
    )
    base = make_table(random, columns=("id", "price", "ordered"), rows=random.choice((20, 60, 200)))
    rows = tuple((row[0], random.choice(words), *row[1:], random.choice(words)) for row in base.rows)
    table = Table(("id", words[0], "price", "ordered", words[1]), rows)
    return _done(lines_of(table, Dialect()), table, name)


@_kind("preamble", whole=True)
def _preamble(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((8, 20, 60))), _usual(random)
    head = random.sample(
        ("Report of orders", "Printed 2024-03-01 by J. Smith", "", "Company: ACME Ltd.", "Confidential", "Page 1 of 1"),
        random.randint(1, 5),
    )
    return _done([*(line + dialect.end for line in head), *lines_of(table, dialect)], table)


@_kind("preamble in fields", whole=True)
def _preamble_in_fields(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((20, 60))), _usual(random)
    width = len(table.header)
    head = random.sample((("Report", "orders"), ("Date", "2024-03-01"), ("Source", "ERP"), ("",)), random.randint(1, 3))
    padded = [write_line((*cells, *[""] * (width - len(cells))), dialect) for cells in head]
    return _done([*padded, *lines_of(table, dialect)], table)


@_kind("comments", whole=True)
def _comments(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((20, 60))), _usual(random)
    lines = lines_of(table, dialect)
    for _ in range(random.randint(1, 4)):
        lines.insert(
            random.randrange(len(lines)), f"# {random.choice(('checked', 'exported, then sorted', 'v2'))}{dialect.end}"
        )
    return _done(lines, table)


@_kind("footnotes", whole=True)
def _footnotes(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((20, 60))), _usual(random)
    notes = random.sample(
        ("Source: ERP", "* estimated", f"{len(table.rows)} rows", "End of report"), random.randint(1, 3)
    )
    gap = [dialect.end] if random.random() < 0.5 else []
    return _done([*lines_of(table, dialect), *gap, *(note + dialect.end for note in notes)], table)


@_kind("no header", whole=True)
def _no_header(random: Random) -> Polluted:
    table = make_table(random, rows=random.choice((8, 20, 60, 200)))
    return _done(lines_of(table, _usual(random))[1:], table, header=False)


@_kind("header in several rows", whole=True)
def _long_header(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((20, 60))), _usual(random)
    groups = tuple(random.choice(("order", "person", "total")) for _ in table.header)
    header = tuple(f"{group} {name}" for group, name in zip(groups, table.header, strict=True))
    lines = [write_line(groups, dialect), *lines_of(table, dialect)]
    return _done(lines, replace(table, header=header))


@_kind("a second table below", whole=True)
def _second_table(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((20, 60))), _usual(random)
    other = make_table(random, columns=("city", "quantity"), rows=5)
    return _done([*lines_of(table, dialect), dialect.end, *lines_of(other, dialect)], table)


@_kind("trailing delimiters", whole=True)
def _trailing(random: Random) -> Polluted:
    table, dialect = make_table(random), _usual(random)
    return _done([re.sub(r"(\r?\n)$", dialect.delimiter + r"\1", line) for line in lines_of(table, dialect)], table)


@_kind("empty lines", whole=True)
def _empty_lines(random: Random) -> Polluted:
    table, dialect = make_table(random), _usual(random)
    lines = lines_of(table, dialect)
    for _ in range(random.randint(1, 6)):
        lines.insert(random.randrange(len(lines) + 1), dialect.end)
    return _done(lines, table)


@_kind("spaces around", whole=True)
def _spaces(random: Random) -> Polluted:
    table = make_table(random)
    return _done(lines_of(table, Dialect(random.choice((", ", "; ")))), table)


@_kind("quoted line ends", whole=True)
def _quoted_line_ends(random: Random) -> Polluted:
    table = make_table(random)
    column = random.randrange(len(table.header))
    rows = [
        (*row[:column], f"{row[column]}\nsecond line" if n % 4 == 1 else row[column], *row[column + 1 :])
        for n, row in enumerate(table.rows)
    ]
    table = replace(table, rows=tuple(rows))
    return _done(lines_of(table, _usual(random)), table)


# Of a row


@_kind("a field too few")
def _field_too_few(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((20, 60))), _usual(random)
    lines, row = lines_of(table, dialect), _spot(random, table)
    lines[row + 1] = write_line(table.rows[row][:-1], dialect)
    rows = [*table.rows]
    rows[row] = (*rows[row][:-1], "")
    return _done(lines, replace(table, rows=tuple(rows)))


@_kind("a field too many")
def _field_too_many(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((20, 60))), _usual(random)
    lines, row = lines_of(table, dialect), _spot(random, table)
    lines[row + 1] = write_line((*table.rows[row], ""), dialect)
    return _done(lines, table)


@_kind("a delimiter that was not quoted")
def _not_quoted(random: Random) -> Polluted:
    table = make_table(random, columns=("id", "remark", "price", "ordered"), rows=random.choice((20, 60)))
    row = _spot(random, table)
    rows = [*table.rows]
    rows[row] = (rows[row][0], "paid, in part", *rows[row][2:])
    table = replace(table, rows=tuple(rows))
    lines = lines_of(table, Dialect())
    lines[row + 1] = ",".join(rows[row]) + "\n"
    return _done(lines, table)


@_kind("a row in another delimiter")
def _other_delimiter(random: Random) -> Polluted:
    table = make_table(random, rows=random.choice((20, 60)))
    lines, row = lines_of(table, Dialect()), _spot(random, table)
    lines[row + 1] = write_line(table.rows[row], Dialect(random.choice((";", "\t", "|"))))
    return _done(lines, table)


@_kind("an empty row of delimiters")
def _delimiters_only(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((20, 60))), _usual(random)
    lines = lines_of(table, dialect)
    lines.insert(_spot(random, table) + 2, dialect.delimiter * (len(table.header) - 1) + dialect.end)
    return _done(lines, table)


@_kind("the header again")
def _header_again(random: Random) -> Polluted:
    table, dialect = make_table(random, rows=random.choice((20, 60))), _usual(random)
    lines = lines_of(table, dialect)
    lines.insert(len(lines) // 2, lines[0])
    return _done(lines, table)


# Of a cell


def _with_cell(random: Random, change: Callable[[str], str], dialect: Dialect) -> tuple[list[str], Table, int, int]:
    table = make_table(random, rows=random.choice((20, 60)))
    row, column = _spot(random, table), random.randrange(len(table.header))
    rows = [*table.rows]
    rows[row] = (*rows[row][:column], change(rows[row][column]), *rows[row][column + 1 :])
    table = replace(table, rows=tuple(rows))
    return lines_of(table, dialect), table, row, column


@_kind("a quote too many")
def _stray_quote(random: Random) -> Polluted:
    dialect = _usual(random)
    lines, table, row, column = _with_cell(random, lambda cell: f'{cell[:1]}"{cell[1:]}', dialect)
    plain = [write_cell(cell, dialect) for cell in table.rows[row]]
    plain[column] = table.rows[row][column]
    lines[row + 1] = dialect.delimiter.join(plain) + dialect.end
    return _done(lines, table)


@_kind("a quote that is not closed")
def _open_quote(random: Random) -> Polluted:
    dialect = _usual(random)
    lines, table, row, column = _with_cell(random, lambda cell: f'"{cell}', dialect)
    plain = [write_cell(cell, dialect) for cell in table.rows[row]]
    plain[column] = table.rows[row][column]
    lines[row + 1] = dialect.delimiter.join(plain) + dialect.end
    return _done(lines, table)


@_kind("quotes inside quotes")
def _inner_quotes(random: Random) -> Polluted:
    dialect = replace(_usual(random), always_quoted=True)
    lines, table, row, column = _with_cell(random, lambda cell: f'{cell[:2]} "x" {cell[2:]}', dialect)
    plain = [write_cell(cell, dialect) for cell in table.rows[row]]
    plain[column] = f'"{table.rows[row][column]}"'
    lines[row + 1] = dialect.delimiter.join(plain) + dialect.end
    return _done(lines, table)


@_kind("a NUL byte")
def _nul(random: Random) -> Polluted:
    lines, table, _, _ = _with_cell(random, lambda cell: f"{cell[:1]}\x00{cell[1:]}", _usual(random))
    return _done(lines, table)


@_kind("a long text")
def _long_text(random: Random) -> Polluted:
    lines, table, _, _ = _with_cell(random, lambda cell: f"{cell} " + "and so on; " * 500, _usual(random))
    return _done(lines, table)


@_kind("another null")
def _other_null(random: Random) -> Polluted:
    lines, table, _, _ = _with_cell(random, lambda _: random.choice(("NULL", "N/A", "-", "?", "#REF!")), _usual(random))
    return _done(lines, table)
