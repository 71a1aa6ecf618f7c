"""The texts of one column that stand for no value, kept apart from the values of it."""

from collections import Counter

import polars as pl

from stepmill.etl.candidates.nulls import NULL_WORDS

_WORDS = sorted({*NULL_WORDS, ""})


class NullWords:
    """Learns which words a column has from what does not fit its candidates, and counts them from then on."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def take_known(self, texts: pl.Series) -> pl.Series:
        """The texts without those that are known to mean no value."""
        if not self.counts:
            return texts
        known = texts.is_in(list(self.counts))
        if not known.any():
            return texts
        self._count(texts.filter(known))
        return texts.filter(~known)

    def learn(self, texts: pl.Series) -> bool:
        """Whether some of these mean no value, which was not known before. They are known from now on."""
        found = set(texts.filter(texts.is_in(_WORDS)).unique().to_list()) - self.counts.keys()
        self.counts.update(dict.fromkeys(found, 0))
        return bool(found)

    def _count(self, texts: pl.Series) -> None:
        counts = texts.alias("text").value_counts(name="count")
        self.counts.update(dict(counts.iter_rows()))
