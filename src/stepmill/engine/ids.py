"""Ids: opaque, unique, and in the order of their making."""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """An id such as ``job_01jd7m…``: a ULID (https://github.com/ulid/spec), in Crockford's base 32.

    48 bits of milliseconds, 20 of the nanoseconds in the last, so that ids made at once are in order too, 60 of chance.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    value = milliseconds << 80 | nanoseconds << 60 | int.from_bytes(os.urandom(8)) >> 4
    digits = [_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"
