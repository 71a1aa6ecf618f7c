"""Packed files that are made to fill memory or time."""

from stepmill.errors import DataError

_MOST_RATIO = 1_000
_COUNTS_FROM = 64 * 1024 * 1024  # of text: what is smaller does no harm


def refuse_bomb(what: str, stored_bytes: int, text_bytes: int) -> None:
    """Raise DataError ``compression_bomb`` where so few bytes give so much text as no table does."""
    if text_bytes > max(_COUNTS_FROM, _MOST_RATIO * stored_bytes):
        raise DataError(
            "compression_bomb",
            f"{what} swells to more than {_MOST_RATIO:,} times its size, which no table does. It is not unpacked"
            " further.",
            details={"storedBytes": stored_bytes, "textBytes": text_bytes},
        )
