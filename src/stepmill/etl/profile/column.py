"""Watches one column: which candidates hold for all of its values so far."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from stepmill.etl.candidates.candidate import Candidate, Misfits
from stepmill.etl.candidates.iso import IsoCandidate
from stepmill.etl.candidates.local_date import COMPACT, date_candidates
from stepmill.etl.candidates.local_number import LocalNumberCandidate, shapes_of_plain_numbers
from stepmill.etl.candidates.number import NumberCandidate
from stepmill.etl.candidates.plain import JsonCandidate, TimeCandidate, UuidCandidate
from stepmill.etl.candidates.words import BooleanCandidate
from stepmill.etl.profile.model import CandidateFacts, ColumnProfile
from stepmill.etl.profile.nulls import NullWords
from stepmill.etl.values.text import NUL, has_nul

_FIRST_SLICES = (32, 256, 4_096)
"""The first values are looked at in small portions, since most candidates fall at once."""
_FEW_DISTINCT = 50
_SPACE_AT_AN_END = r"^\s|\s$"
_PLAIN = frozenset({"number", "iso", "boolean", "uuid", "time", "json"})


@dataclass
class _Trial:
    candidate: Candidate
    misfits: Misfits = field(default_factory=Misfits)
    looked_at: int = 0
    earlier_misfits: Counter[str] = field(default_factory=Counter)  # of the portions before the last


class ColumnWatch:
    """Everything that is to be known of one column, gathered block by block."""

    def __init__(self, name: str, rows_before: int) -> None:
        self._name = name
        self._empty = rows_before
        self._filled = 0
        self._max_length = 0
        self._padded = 0
        self._nul_values = 0
        self._valued = 0  # filled and no word for null
        self._strips = False
        self._is_settled = False
        self._sleeps = False  # local spellings of numbers, until a number is not plain
        self._distinct: set[str] | None = set()
        self._nulls = NullWords()
        self._trials: dict[str, _Trial] = {}
        for candidate in (
            *(NumberCandidate(), IsoCandidate(), BooleanCandidate(), UuidCandidate(), TimeCandidate()),
            *(JsonCandidate(), LocalNumberCandidate()),
        ):
            self._add(candidate)

    def skip(self, rows: int) -> None:
        """So many rows have no such field."""
        self._empty += rows

    def look(self, texts: pl.Series) -> None:
        """Look at the column's texts of one block."""
        lengths = texts.str.len_bytes()
        longest = lengths.max()
        if isinstance(longest, int):
            self._max_length = max(self._max_length, longest)
        if lengths.min() == 0 or lengths.null_count():
            texts = texts.filter(lengths > 0)
        self._empty += len(lengths) - len(texts)
        self._filled += len(texts)
        if not len(texts):
            return
        for portion in self._portions(texts):
            self._note_distinct(portion)
            if not self._try_all(portion):
                self._nul_values += _count_nuls(portion)

    def profile(self) -> ColumnProfile:
        """What was found out."""
        return ColumnProfile(
            name=self._name,
            empty=self._empty,
            filled=self._filled,
            max_length=self._max_length,
            candidates=tuple(self._facts()),
            null_words=dict(sorted(self._nulls.counts.items())),
            padded=self._padded,
            nul_values=self._nul_values,
            distinct=None if self._distinct is None else sorted(self._distinct),
        )

    def _add(self, candidate: Candidate) -> None:
        self._trials[candidate.kind] = _Trial(candidate)

    def _portions(self, texts: pl.Series) -> Iterator[pl.Series]:
        begin = 0
        for size in _FIRST_SLICES:
            if self._valued < size and begin < len(texts):
                yield texts[begin : begin + size]
                begin += size
        if not self._is_early:
            self._settle()
        if begin < len(texts):
            yield texts[begin:]

    def _note_distinct(self, texts: pl.Series) -> None:
        if self._distinct is not None:
            self._distinct.update(texts.unique().to_list())
            if len(self._distinct) > _FEW_DISTINCT:
                self._distinct = None

    def _try_all(self, texts: pl.Series) -> bool:
        """Whether some candidate fits all of these, which then hold no NUL."""
        if not self._trials:
            return False
        texts = self._stripped(texts)
        if self._is_early:
            self._nulls.learn(texts)
        texts = self._nulls.take_known(texts)
        if self._valued == 0 and len(texts):
            for candidate in date_candidates(texts.unique(maintain_order=True).to_list()):
                self._add(candidate)
        fits_all = False
        trials = list(self._trials.values())
        for trial in trials:
            texts, is_fit = self._try(trial, texts)
            fits_all |= is_fit
            if trial.misfits.are_hopeless(trial.looked_at):
                del self._trials[trial.candidate.kind]
                if isinstance(trial.candidate, NumberCandidate) and (woken := self._wake_local_numbers(trial)):
                    trials.append(woken)
        self._valued += len(texts)
        return fits_all

    def _try(self, trial: _Trial, texts: pl.Series) -> tuple[pl.Series, bool]:
        """The texts without words for null that show themselves now, and whether all are of the kind."""
        misfits = trial.candidate.look(texts)
        if len(misfits) and not self._strips and misfits.str.contains(_SPACE_AT_AN_END).any():
            self._strips = True
            self._padded += int(misfits.str.contains(_SPACE_AT_AN_END).sum())
            texts = texts.str.strip_chars()
            misfits = trial.candidate.look(misfits.str.strip_chars())
        if len(misfits) and self._nulls.learn(misfits):
            texts = self._nulls.take_known(texts)
            misfits = misfits.filter(~misfits.is_in(list(self._nulls.counts)))
        trial.looked_at += len(texts)
        trial.earlier_misfits = trial.misfits.texts.copy()
        trial.misfits.add(misfits)
        return texts, not len(misfits) and not isinstance(trial.candidate, LocalNumberCandidate)

    @property
    def _is_early(self) -> bool:
        return self._valued < _FIRST_SLICES[-1]

    def _stripped(self, texts: pl.Series) -> pl.Series:
        if self._is_early and not self._strips:
            self._strips = bool(texts.str.contains(_SPACE_AT_AN_END).any())
        if not self._strips:
            return texts
        stripped = texts.str.strip_chars()
        self._padded += int((stripped != texts).sum())
        return stripped

    def _settle(self) -> None:
        """Once the first values are seen: local spellings are not looked for where a plain one fits all of them."""
        if self._is_settled:
            return
        self._is_settled = True
        plain = [kind for kind, trial in self._trials.items() if kind in _PLAIN and not trial.misfits.count]
        if not plain:
            return
        self._sleeps = LocalNumberCandidate.kind in self._trials and NumberCandidate.kind in plain
        for kind in self._trials.keys() - _PLAIN - {f"date:{COMPACT}"}:
            del self._trials[kind]

    def _wake_local_numbers(self, number: _Trial) -> _Trial | None:
        """What the plain numbers were is known well enough to look at the others for local spellings."""
        shapes = shapes_of_plain_numbers(number.candidate.result()) if self._sleeps else None
        if shapes is None:
            return None
        trial = _Trial(LocalNumberCandidate(shapes), looked_at=self._valued)
        earlier = [text for text, count in number.earlier_misfits.items() for _ in range(count)]
        if earlier:
            trial.misfits.add(trial.candidate.look(pl.Series(earlier)))
        self._trials[trial.candidate.kind] = trial
        return trial

    def _facts(self) -> Iterator[CandidateFacts]:
        for kind, trial in self._trials.items():
            fits = trial.looked_at - trial.misfits.count
            if fits > 0:
                examples = trial.misfits.examples
                yield CandidateFacts(kind, fits, trial.misfits.count, examples, trial.candidate.result())


def _count_nuls(texts: pl.Series) -> int:
    """How many hold a NUL: one search over all of them, and only if it finds one, one for each."""
    if not pl.select(has_nul(pl.lit(texts))).item():
        return 0
    return int(texts.str.contains(NUL, literal=True).sum())
