"""What a candidate is, and the record of values that speak against it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

FEW_MISFITS = 20
"""So many different misfits may be slips of the pen in a column of another kind; more mean that it is of no kind."""

_SURELY_HOPELESS = 1_000
_HOPELESS_SHARE = 0.01
_EXAMPLE_CHARACTERS = 100


@dataclass
class Misfits:
    """The values that don't fit a candidate: how many, and the first few that differ, each with its count."""

    count: int = 0
    texts: Counter[str] = field(default_factory=Counter)

    def add(self, texts: pl.Series) -> None:
        """Count these."""
        self.count += len(texts)
        if len(self.texts) <= FEW_MISFITS and len(texts):
            room = FEW_MISFITS + 1
            counts = texts.str.slice(0, _EXAMPLE_CHARACTERS).alias("text").value_counts(sort=True, name="count")
            self.texts.update(dict(counts.head(room + len(self.texts)).iter_rows()))
            for text, _ in self.texts.most_common()[room:]:
                del self.texts[text]

    @property
    def examples(self) -> dict[str, int]:
        """The misfits with their counts, the most frequent first."""
        return dict(sorted(self.texts.items(), key=lambda item: (-item[1], item[0])))

    def are_hopeless(self, looked_at: int) -> bool:
        """Whether there are so many that the candidate need not be looked at any more."""
        return len(self.texts) > FEW_MISFITS or self.count > max(_SURELY_HOPELESS, int(looked_at * _HOPELESS_SHARE))


class Candidate(Protocol):
    """A kind of value that a column may hold.

    Whatever it takes, the mapping and the parser that the plan will have for its kind must load.
    """

    @property
    def kind(self) -> str:
        """The name of the kind."""
        ...

    def look(self, texts: pl.Series) -> pl.Series:
        """Look at some texts, none of them null or empty or blank at an end; returns those that don't fit."""
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
