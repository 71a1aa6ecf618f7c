"""The directives of date formats: a closed set, each with its shape and its name in the engine that parses."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Directive:
    """One directive: what it stands for, the texts it takes, and whether it is part of a time or a zone."""

    meaning: str
    shape: str
    is_time: bool = False
    is_zone: bool = False
    engine: str | None = None


DIRECTIVES: dict[str, Directive] = {
    "%Y": Directive("year, four digits", "[0-9]{4}"),
    "%y": Directive("year, two digits", "[0-9]{2}"),
    "%m": Directive("month, one or two digits", "[0-9]{1,2}"),
    "%b": Directive("month, its English abbreviation", "[A-Za-z]{3}"),
    "%B": Directive("month, its English name", "[A-Za-z]{3,9}"),
    "%d": Directive("day of the month, one or two digits", "[0-9]{1,2}"),
    "%j": Directive("day of the year, three digits", "[0-9]{3}"),
    "%a": Directive("day of the week, its English abbreviation; must be right", "[A-Za-z]{3}"),
    "%A": Directive("day of the week, its English name; must be right", "[A-Za-z]{6,9}"),
    "%H": Directive("hour, 0 to 23", "[0-9]{1,2}", is_time=True),
    "%I": Directive("hour, 1 to 12, with %p", "[0-9]{1,2}", is_time=True),
    "%p": Directive("AM or PM, in any case", "[AaPp][Mm]", is_time=True),
    "%M": Directive("minute, two digits", "[0-9]{2}", is_time=True),
    "%S": Directive("second, two digits, up to 59", "[0-5][0-9]", is_time=True),
    "%f": Directive("fraction of the second, after a dot", "", is_time=True),
    "%z": Directive(
        "zone: Z, +02, +0200 or +02:00", "(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)", is_zone=True, engine="%#z"
    ),
    "%%": Directive("a percent sign", "%"),
}

_TOKENS = re.compile(r"\.%f|%.|[^%]", re.DOTALL)
_FRACTION = ".%f"
_CUT = r"(?:\.[0-9]{1,9})?"
_NUMBERS = frozenset(token for token, directive in DIRECTIVES.items() if directive.shape.startswith(("[0-9]", "[0-5]")))
_EXACT = r"(?:\.[0-9]{1,6}0{0,3})?"


def check_format(text: str) -> str:
    """The format, if it names one day and all its directives are known; ValueError says what is wrong."""
    tokens = _TOKENS.findall(text)
    if "".join(tokens) != text:
        raise ValueError("a percent sign at the end begins no directive; write %% for one")
    directives = [token for token in tokens if token.startswith("%")]
    for token in directives:
        if token == "%f":  # noqa: S105
            raise ValueError("%f needs a dot before it: '%S.%f'")
        if token not in DIRECTIVES:
            raise ValueError(f"{token} is not one of the directives {' '.join(DIRECTIVES)}")
    _check_parts([*directives, *(["%f"] if _FRACTION in tokens else [])])
    return text


def _check_parts(used: list[str]) -> None:
    for choice in (("%Y", "%y"), ("%m", "%b", "%B", "%j"), ("%d", "%j"), ("%H", "%I")):
        if sum(used.count(token) for token in choice) > 1:
            raise ValueError(f"only one of {' '.join(choice)} can be used, once")
    has = set(used)
    if not has & {"%Y", "%y"} or not ("%j" in has or (has & {"%m", "%b", "%B"} and "%d" in has)):
        raise ValueError("the format must name a year and a day: %Y with %m and %d, or with %j")
    if ("%I" in has) != ("%p" in has):
        raise ValueError("%I and %p belong together")
    if bool(has & {"%H", "%I"}) != ("%M" in has):
        raise ValueError("a time of day needs its hour (%H, or %I with %p) and its minute (%M)")
    if "%z" in has and "%M" not in has:
        raise ValueError("a zone needs a time of day")
    if ("%S" in has and "%M" not in has) or ("%f" in has and "%S" not in has):
        raise ValueError("seconds need minutes, and a fraction needs seconds")


def has_time(text: str) -> bool:
    """Whether the format has a time of day."""
    return any(directive.is_time for directive in _directives(text))


def has_zone(text: str) -> bool:
    """Whether the format has a zone."""
    return any(directive.is_zone for directive in _directives(text))


def shape(text: str, *, cut: bool) -> str:
    """A regular expression for texts of this format. ``cut`` lets fractions have more than six digits."""
    parts = []
    tokens = _TOKENS.findall(text)
    for token, before, after in zip(tokens, ["", *tokens], [*tokens[1:], ""], strict=False):
        if token == _FRACTION:
            parts.append(_CUT if cut else _EXACT)
        elif token.startswith("%"):
            is_adjoined = before in _NUMBERS or after in _NUMBERS
            parts.append(DIRECTIVES[token].shape.replace("{1,2}", "{2}" if is_adjoined else "{1,2}"))
        else:
            parts.append(re.escape(token))
    return f"^{''.join(parts)}$"


def engine_format(text: str) -> str:
    """The format in the words of the engine. Its fraction takes the dot with it, and may be missing."""
    parts = []
    for token in _TOKENS.findall(text):
        if token == _FRACTION:
            parts.append("%.f")
        else:
            parts.append((DIRECTIVES[token].engine or token) if token.startswith("%") else token)
    return "".join(parts)


def _directives(text: str) -> list[Directive]:
    found = [token[-2:] for token in _TOKENS.findall(text) if "%" in token]
    return [DIRECTIVES[token] for token in found]
