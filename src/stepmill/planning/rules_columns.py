"""The rules for one column: which of the kinds that hold for its values it becomes.

A kind holds if all values are of it, words for null apart. It also holds, although some values are not of it, where
these can only be slips of the pen: at most one in a thousand of at least 1,000 values, these being at most 20 different
ones; or at most one in twenty of at least 20, these being at most three different ones without a digit (in a column of
codes the odd ones are codes too, and have some). Their rows are rejected with line and reason, where otherwise the
whole column would be text. A kind for all values comes before one for most.
"""

from collections.abc import Callable, Iterator

import orjson

from stepmill.etl.candidates.candidate import FEW_MISFITS
from stepmill.etl.candidates.words import PAIRS
from stepmill.etl.plan.mappings.boolean_map import BooleanMap
from stepmill.etl.plan.types import LogicalType
from stepmill.etl.profile import CandidateFacts, ColumnProfile
from stepmill.etl.values.boolean import FALSE_WORDS, TRUE_WORDS
from stepmill.planning.rules_choice import Choice, Habits, Remark, quoted
from stepmill.planning.rules_dates import choose_compact_date, choose_date, date_candidates_of
from stepmill.planning.rules_local_numbers import choose_local_number, choose_thousands
from stepmill.planning.rules_numbers import choose_number
from stepmill.planning.rules_words import names_flag

MISFIT_SHARE = 0.001
ENOUGH_VALUES = 1_000
WORD_SHARE = 0.05
ENOUGH_FOR_WORDS = 20
FEW_WORDS = 3
_SURE_ALONE = frozenset({"true", "false"})
_FLAG_ALONE = frozenset({"t", "f", "yes", "no", "y", "n"})
_NEARLY = 0.5
_WORDS_THEMSELVES = frozenset({"boolean", "json"})

Chooser = Callable[[CandidateFacts, str], Choice | None]

TEXT = Choice(LogicalType.TEXT)


def choose(column: ColumnProfile, name: str, habits: Habits) -> tuple[Choice, CandidateFacts | None]:
    """What the column of this physical name becomes, and the kind that it is taken for; None for text."""
    for holds in (_holds_for_all, _holds_for_most):
        held = [item for item in column.candidates if holds(item)]
        for choice, facts in _choices(column, held, name, habits):
            return choice, facts if choice.type is not LogicalType.TEXT else None
    return _text_after_all(column), None


def holding(column: ColumnProfile) -> list[CandidateFacts]:
    """The kinds that hold for all values, or else those that hold for most."""
    held = [item for item in column.candidates if _holds_for_all(item)]
    return held or [item for item in column.candidates if _holds_for_most(item)]


def _holds_for_all(item: CandidateFacts) -> bool:
    return item.misfits == 0


def _holds_for_most(item: CandidateFacts) -> bool:
    if item.kind == "json" and any(map(_is_json, item.examples)):
        return False  # a number among objects is JSON, too, and would not be rejected
    values = item.fits + item.misfits
    if values >= ENOUGH_VALUES and item.misfits <= values * MISFIT_SHARE:
        return len(item.examples) <= FEW_MISFITS
    are_words = not any(character.isdigit() for text in item.examples for character in text)
    return (
        values >= ENOUGH_FOR_WORDS
        and item.misfits <= values * WORD_SHARE
        and len(item.examples) <= FEW_WORDS
        and are_words
        and item.kind not in _WORDS_THEMSELVES
    )


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _choices(
    column: ColumnProfile, held: list[CandidateFacts], name: str, habits: Habits
) -> Iterator[tuple[Choice, CandidateFacts]]:
    by_kind = {item.kind: item for item in held}
    for kind, choose_kind in _CHOOSERS.items():
        if kind == "number" and kind in by_kind and (unusual := _no_plain_number(column, name, habits)):
            yield unusual, by_kind[kind]
        if kind in by_kind and (choice := choose_kind(by_kind[kind], name)):
            yield choice, by_kind[kind]
    dates = date_candidates_of(held)
    if choice := choose_date(dates, habits.date_order):
        yield choice, dates[0]
    numbers = by_kind.get("localNumber")
    if numbers and (choice := choose_local_number(numbers.result, name, habits.decimal_mark)):
        yield choice, numbers


def _no_plain_number(column: ColumnProfile, name: str, habits: Habits) -> Choice | None:
    """What looks like plain numbers and is something else."""
    if date := choose_compact_date(column, name):
        return date
    facts = column.candidate("number")
    is_local = habits.decimal_mark == "," and facts is not None and not facts.misfits
    return choose_thousands(facts.result, name) if facts and is_local else None


def _boolean(facts: CandidateFacts, name: str) -> Choice | None:
    written = facts.result["words"]
    words = {word.lower() for word in written}
    pair = next((pair for pair in PAIRS if words <= set(pair)), None)
    if pair is None:
        return None
    if len(words) == 1 and not words <= _SURE_ALONE and not (words <= _FLAG_ALONE and names_flag(name)):
        return None
    is_usual = pair[0] in TRUE_WORDS and pair[1] in FALSE_WORDS
    if is_usual and not facts.misfits:
        return Choice(LogicalType.BOOLEAN)
    # Without a mapping other words would do as well, such as 0 and 1, and fewer values be rejected than is said.
    mapping = BooleanMap(kind="BOOLEAN_MAP", true_values=(pair[0],), false_values=(pair[1],))
    remark = Remark("boolean_words", f"{quoted(pair[0])} is read as true and {quoted(pair[1])} as false.")
    return Choice(LogicalType.BOOLEAN, mapping, remarks=() if is_usual else (remark,))


def _typed(logical: LogicalType) -> Chooser:
    return lambda facts, name: Choice(logical)


_CHOOSERS: dict[str, Chooser] = {
    "boolean": _boolean,
    "uuid": _typed(LogicalType.UUID),
    "json": _typed(LogicalType.JSON),
    "iso": lambda facts, name: Choice(LogicalType(facts.result["type"])),
    "time": _typed(LogicalType.TIME),
    "number": lambda facts, name: choose_number(facts.result, name),
}


def _text_after_all(column: ColumnProfile) -> Choice:
    """Text; with a word on what most of the values are, if that may have been meant."""
    near = [item for item in column.candidates if item.misfits and item.fits > _NEARLY * (item.fits + item.misfits)]
    kinds = {"number": "numbers", "iso": "dates or timestamps", "uuid": "UUIDs", "json": "JSON", "time": "times of day"}
    named = [item for item in near if item.kind in kinds]
    if not named:
        return TEXT
    closest = min(named, key=lambda item: item.misfits)
    examples = ", ".join(quoted(text) for text in list(closest.examples)[:3])
    total = closest.fits + closest.misfits
    message = (
        f"{closest.fits:,} of {total:,} values are {kinds[closest.kind]}; the others, such as {examples}, are not, "
        "so the column is text."
    )
    return Choice(LogicalType.TEXT, remarks=(Remark("mixed_values", message),))
