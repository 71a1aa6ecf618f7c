"""What all parts of a plan share: strict models whose JSON is camelCase, and texts with a limit.

A plan may come from anyone, a model included, so every text, list and number in it has a limit.
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

MAX_IDENTIFIER_BYTES = 63
"""PostgreSQL cuts longer names without a word, so that two could become one."""

MAX_COLUMNS = 1_590
"""PostgreSQL's limit is 1,600; some are kept for the hidden columns of a table."""

MAX_SOURCE_COLUMNS = 20_000
"""What does not fit into a table's columns becomes fields of one of them."""

RESERVED_NAMES = frozenset({"_load_id", "_ordinal", "_line", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
"""Hidden columns of every warehouse table, and PostgreSQL's own."""


class PlanModel(BaseModel):
    """A part of a plan. Unknown fields are refused: a misspelt option must not be ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("PostgreSQL can't store the NUL character")
    return text


def _identifier(name: str) -> str:
    if len(name.encode()) > MAX_IDENTIFIER_BYTES:
        raise ValueError(f"a name has at most {MAX_IDENTIFIER_BYTES} bytes in UTF-8; this one has {len(name.encode())}")
    if name in RESERVED_NAMES:
        raise ValueError(f"{name!r} is reserved")
    return name


PlanText = Annotated[str, Field(max_length=10_000), AfterValidator(_without_nul)]
"""Any text in a plan."""

ShortText = Annotated[str, Field(max_length=200), AfterValidator(_without_nul)]
"""A word or two: a unit, a null spelling, a separator."""

Identifier = Annotated[str, Field(min_length=1), AfterValidator(_without_nul), AfterValidator(_identifier)]
"""The name of a column in PostgreSQL. It is always quoted, so every letter of every script will do."""

SourceName = Annotated[str, Field(min_length=1, max_length=10_000)]
"""The name of a column in the source, as the reader gives it."""


def wrong(at: str, message: str) -> PydanticCustomError:
    """An error of a whole model whose cause is in one place: ``at`` is a JSON pointer from the model."""
    return PydanticCustomError("plan", "{message}", {"message": message, "at": at})
