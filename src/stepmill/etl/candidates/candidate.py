"""What a candidate is, and the record of values that speak against it."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

HOPELESS = 1_000
"""So many misfits end a candidate. Fewer are kept, since they may all turn out to be spellings of null."""

_EXAMPLES = 5


@dataclass
class Misfits:
    """How many values don't fit a candidate, and the first few that differ."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, texts: pl.Series) -> None:
        """Count these."""
        self.count += len(texts)
        if len(self.examples) < _EXAMPLES:
            seen = [text[:100] for text in texts.unique(maintain_order=True).head(_EXAMPLES)]
            self.examples = list(dict.fromkeys([*self.examples, *seen]))[:_EXAMPLES]

    @property
    def hopeless(self) -> bool:
        """Whether there are so many that the candidate need not be looked at any more."""
        return self.count > HOPELESS


class Candidate(Protocol):
    """A kind of value that a column may hold."""

    @property
    def kind(self) -> str:
        """The name of the kind."""
        ...

    def look(self, texts: pl.Series) -> pl.Series:
        """Look at some texts, of which some are null; returns those that don't fit."""
        ...

    def result(self) -> dict[str, Any]:
        """What was learnt, as small JSON data."""
        ...


def where(texts: pl.Series, mask: pl.Series) -> pl.Series:
    """The texts, none of them null, for which the mask is true."""
    return texts.filter(mask & texts.is_not_null())


def unread(texts: pl.Series, values: pl.Series) -> pl.Series:
    """The texts for which there is no value."""
    if values.null_count() == texts.null_count():
        return texts.head(0)
    return texts.filter(values.is_null() & texts.is_not_null())
