"""How many jobs may run at once, by tenant and by type, as the settings say."""

from stepmill.errors import ConfigurationError

OTHERS = "*"
"""Stands for every tenant that is not named."""


def read_limits(text: str, setting: str, *, others: bool = False) -> dict[str, int]:
    """``"acme=4, *=10"`` as a dictionary. ``setting`` is where it comes from; with ``others`` it may name ``*``.

    Raises ConfigurationError (``invalid_limits``), which names the wrong part.
    """
    limits: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not (name and equals and number.isascii() and number.isdigit()) or int(number) < 1:
            raise ConfigurationError(
                "invalid_limits", f"{setting} has {part!r}. Write NAME=NUMBER, by comma, with numbers from 1 on."
            )
        if name in limits or (name == OTHERS and not others):
            raise ConfigurationError("invalid_limits", f"{setting} has {name!r} where it can't stand, or twice.")
        limits[name] = int(number)
    return limits
