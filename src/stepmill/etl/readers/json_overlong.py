"""Goes by a JSON element that is too large to be held in memory."""

import polars as pl

from stepmill.etl.readers.json_elements import MARKS, MATCHING, resumption
from stepmill.etl.readers.json_scan import CLOSE_ARRAY, scan_tokens, without_escapes
from stepmill.etl.readers.window import Window


def skip_overlong(window: Window, encoding: str, indentation: bytes | None) -> None:
    """Go on behind the element that begins where the window stands.

    It ends where its brackets are closed, or before a line that looks like the next element, if that comes first.
    """
    opening = window.view[0]
    following = resumption(indentation) if indentation is not None else None
    kept = len(indentation) + 3 if indentation is not None else 0  # a line that ends here might still turn out such
    depth, quote = 0, b""
    while True:
        text = bytes(window.view)
        size = len(text) if window.at_end else _whole_size(window, text, len(text) - kept)
        plain = quote + without_escapes(text[:size], encoding)
        tokens = scan_tokens(plain, MARKS)
        ends = [_closing(tokens.positions, tokens.kinds, tokens.depths + depth, opening) - len(quote)]
        match = following.search(text) if following is not None else None
        ends.append(match.start() if match else -1)
        found = [end for end in ends if 0 <= end <= size]
        if found or window.at_end:
            _take(window, text, min(found, default=size))
            return
        depth += int(tokens.depths[-1]) if len(tokens.depths) else 0
        quote = b'"' if plain[plain.rfind(b"\n") + 1 :].count(b'"') % 2 else b""
        _take(window, text, size)
        window.fill(window.size if size else 2 * window.size)


def _closing(positions: pl.Series, kinds: pl.Series, depths: pl.Series, opening: int) -> int:
    """Where the element is closed: behind the bracket, or before one that can only be the array's; -1 if nowhere."""
    closed = (depths <= 0) & kinds.is_in(list(MATCHING.values()))
    first = closed.arg_max() if closed.any() else None
    if first is None:
        return -2
    is_foreign = kinds[first] == CLOSE_ARRAY != MATCHING[opening]
    return int(positions[first]) + (0 if is_foreign else 1)


def _whole_size(window: Window, text: bytes, size: int) -> int:
    """The size, less what would cut a character or an escape."""
    size = window.whole_characters(max(0, size))
    backslashes = size - len(text[:size].rstrip(b"\\"))
    return size - backslashes % 2


def _take(window: Window, text: bytes, size: int) -> None:
    window.take(size, lines=text.count(b"\n", 0, size), records=0)
