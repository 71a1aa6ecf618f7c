"""Regular expressions in plans: searched in linear time by Rust's engine, which also judges them here."""

import re
from typing import Annotated

import polars as pl
from polars.exceptions import ComputeError
from pydantic import AfterValidator, Field

_MAX_LENGTH = 1_000
_MAX_REPEATS = 1_000
_COUNTED = re.compile(r"\{(\d+)(?:,(\d*))?\}")


def check_pattern(pattern: str) -> str:
    """The pattern, if the engine takes it and it is small enough; ValueError says why not."""
    if len(pattern) > _MAX_LENGTH:
        raise ValueError(f"a regular expression has at most {_MAX_LENGTH} characters")
    repeats = 1
    for match in _COUNTED.finditer(pattern):
        repeats *= max(1, int((match[2] or match[1])[:6]))
    if repeats > _MAX_REPEATS:
        raise ValueError(f"counted repetitions may multiply to at most {_MAX_REPEATS}")
    try:
        pl.Series([""]).str.contains(pattern)
    except ComputeError as error:
        raise ValueError(_why(str(error))) from None
    return pattern


def _why(message: str) -> str:
    """The engine's own words, without its drawing of the place."""
    for line in message.splitlines():
        if line.startswith("error: "):
            return f"not a regular expression that can be used: {line.removeprefix('error: ')}"
    return "not a regular expression that can be used: it grows too large"


Pattern = Annotated[str, Field(min_length=1), AfterValidator(check_pattern)]
"""A regular expression in Rust's syntax: no look-around and no back-references, and so never catastrophic."""


def count_groups(pattern: str) -> int:
    """How many groups a checked pattern has."""
    fields = pl.DataFrame({"text": [""]}).select(pl.col("text").str.extract_groups(pattern)).to_series().struct.fields
    return len(fields)
