"""How a source is read: the part of a plan that the readers take, and that detection makes."""

import codecs
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stepmill.etl.plan.base import PlanModel, SourceName

WIDE_ENCODINGS = frozenset({"utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"})
"""Encodings in which ASCII characters take more than one byte: such text is recoded before it is split."""

# Canonical names by codecs.lookup. All but the wide ones keep line ends, quotes and common delimiters as single bytes.
_ENCODINGS = frozenset(
    {
        *("utf-8", *WIDE_ENCODINGS, "ascii", "iso8859-1", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "mac-greek"),
        *(f"cp{page}" for page in (437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 865, 866, 869, 874)),
        *(f"cp{page}" for page in range(1250, 1259)),
        *(f"iso8859-{part}" for part in range(2, 17) if part != 12),
        *("cp932", "shift_jis", "euc_jp", "gb18030", "gbk", "gb2312", "big5", "cp949", "euc_kr", "cp950"),
    }
)


def canonical_encoding(name: str) -> str:
    """The encoding by its one name here; ValueError if the readers don't know it."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        found = ""
    if found not in _ENCODINGS:
        raise ValueError(f"{name!r} is not an encoding that can be read")
    return found


def _one_ascii_character(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in "\r\n\x00":
        raise ValueError("must be one ASCII character, and no line end")
    return value


def _few_ascii_characters(value: str) -> str:
    if len(value) == 1:
        return _one_ascii_character(value)
    if not 1 < len(value) <= _MOST_DELIMITER or not value.isascii() or any(mark in value for mark in "\r\n\x00\x1e"):
        raise ValueError(f"must be 1 to {_MOST_DELIMITER} ASCII characters, and no line end")
    return value


_MOST_DELIMITER = 8

Compression = Literal["none", "gzip", "bzip2", "xz", "zstd"]
"""How a file may be packed."""

MEMBER_CHARACTERS = 1_000
"""How long the path of what is read in an archive may be."""

SHEET_CHARACTERS = 1_000
"""How long the name of a sheet may be; Excel's own limit is 31."""

MOST_MEMBERS = 1_000
"""How many files of an archive may be read as one table."""

Archive = Literal["none", "zip", "tar"]
"""What may hold the file among others."""

Mark = Annotated[str, AfterValidator(_one_ascii_character)]
"""A character with a meaning: a quote, an escape."""

Delimiter = Annotated[str, AfterValidator(_few_ascii_characters)]
"""Of one character or several."""


class SourceFormat(PlanModel):
    """How a file is read. What does not concern its format stays at its default."""

    format: Literal["csv", "jsonl", "json", "xml", "excel", "parquet", "arrow", "avro"]
    """``json`` is one array of objects, an object that holds one, or objects one after another; ``xml`` elements of a
    document; ``excel`` a sheet of a workbook of Excel or OpenDocument; ``arrow`` an Arrow (Feather) file or stream."""
    sheet: Annotated[str, Field(max_length=SHEET_CHARACTERS)] | None = None
    """The sheet that is read. A workbook that lacks it is read as if the plan named none."""
    compression: Compression = "none"
    """How the file is packed, as a whole."""
    archive: Archive = "none"
    """Whether it is an archive."""
    member: Annotated[str, Field(max_length=MEMBER_CHARACTERS)] | None = None
    """The path in the archive of what is read; with a ``*``, which stands for any characters, of all that are read one
    after another, as far as they are alike. A file that lacks it is read as if the plan named none."""
    members: Annotated[tuple[str, ...], Field(max_length=MOST_MEMBERS)] = ()
    """The paths that a ``member`` with a ``*`` stands for, in order; looked for in each file anew."""
    member_compression: Compression = "none"
    """How that is packed once more."""
    encoding: Annotated[str, AfterValidator(canonical_encoding)] = "utf-8"
    """Python's name of the encoding. A byte order mark is skipped where there is one."""
    delimiter: Delimiter | None = None
    """What stands between fields, one character or up to 8; null if each line is one field."""
    starts: Annotated[tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...], Field(max_length=10_000)] = ()
    """For text in columns of fixed width: at which character of the line each field begins, from 0. Spaces around the
    values are left out."""
    spaced: bool = True
    """Where fields begin at fixed places: a line in which the character before one of them is no space is rejected. If
    false, fields may stand next to each other."""
    quote: Mark | None = None
    """Encloses fields that hold delimiters or line ends; inside, a doubled one stands for one."""
    escape: Mark | None = None
    """Takes the meaning from the character after it."""
    skip_initial_space: bool = False
    """A quote that opens a field may have spaces before it, which are left out; in other fields they are kept."""
    trim_fields: bool = False
    """Spaces that begin a field are left out, as they stand behind each delimiter."""
    mend_rows: bool = True
    """Rows with a field too many or too few, in another delimiter, or with a quote too many are loaded where the values
    say plainly what was meant. The others, and all of them if this is false, are rejected."""
    comment: Mark | None = None
    """Lines that begin with it are no records."""
    trailing_delimiter: bool = False
    """Rows end with one more delimiter, with nothing after it."""
    preamble_rows: int = Field(default=0, ge=0, le=100_000)
    """Lines before the header (or the first record) that are no records."""
    header_rows: int = Field(default=0, ge=0, le=10)
    """Records after the preamble that name the columns; of several, cells above one another are joined by a space."""
    first_table_only: bool = True
    """Where another table is found below the first, it is not read, nor what comes after it."""
    last_line: int | None = Field(default=None, ge=1)
    """The line before that other table; looked for in each file anew."""
    records_path: Annotated[str, Field(max_length=1_000)] | None = None
    """For ``json``: the keys, joined by dots, that lead to the array; null for the top. For ``xml``: the names, joined
    by slashes, that lead from the root to a record."""
    repeated: Annotated[tuple[Annotated[str, Field(max_length=1_000)], ...], Field(max_length=10_000)] = ()
    """For ``xml``: the elements, by the names that lead to them from the record, that may come several times in the one
    around them. They are JSON arrays, also where there is one."""
    columns: tuple[SourceName, ...] = ()
    """Unique names of the columns. Empty for JSON and XML: take the fields as they come."""

    @property
    def has_fixed_columns(self) -> bool:
        """Whether all records have the same fields, in the same places."""
        return self.format not in ("json", "jsonl", "xml")

    @property
    def has_layout(self) -> bool:
        """Whether lines before the table and its header have to be told from its records."""
        return self.format in ("csv", "excel")

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        marks = [mark for mark in (self.delimiter, self.quote, self.escape, self.comment) if mark is not None]
        if len(set(marks)) != len(marks):
            raise ValueError("delimiter, quote, escape and comment must differ from each other")
        if len(self.delimiter or "") > 1 and any(mark and mark in (self.delimiter or "") for mark in marks[1:]):
            raise ValueError("quote, escape and comment must not be part of the delimiter")
        if (self.member is None) != (self.archive == "none"):
            raise ValueError("an archive needs the member that is read, and only an archive has one")
        if self.archive == "zip" and self.compression != "none":
            raise ValueError("a zip archive that is compressed once more is unpacked first")
        if self.members and "*" not in (self.member or ""):
            raise ValueError("several members are read only by a pattern")
        if self.skip_initial_space and " " in marks:
            raise ValueError("spaces that begin a field can't be skipped where the space is a mark")
        if self.sheet is not None and self.format != "excel":
            raise ValueError("only a workbook has sheets")
        if self.has_fixed_columns and not self.columns:
            raise ValueError("a source whose format is not JSON or XML needs the names of its columns")
        if self.has_fixed_columns and len(set(self.columns)) != len(self.columns):
            raise ValueError("column names must differ from each other")
        return self

    @model_validator(mode="after")
    def _starts_fit(self) -> Self:
        if not self.starts:
            return self
        if self.format != "csv" or self.delimiter is not None or self.quote is not None or self.trailing_delimiter:
            raise ValueError("fields that begin at fixed places have no delimiters and no quotes")
        if any(later <= earlier for earlier, later in pairwise(self.starts)):
            raise ValueError("each field must begin behind the one before it")
        if len(self.starts) != len(self.columns):
            raise ValueError("each column needs the place at which it begins")
        return self
