"""Rows and keys that are larger than what PostgreSQL can store."""

from collections.abc import Sequence

import psycopg

from stepmill.errors import DataError


def row_too_large(error: psycopg.errors.ProgramLimitExceeded) -> DataError:
    """What a COPY says of such a row; of a key that is too long for its index, that."""
    if "index row" in str(error.diag.message_primary):
        return key_too_long()
    return DataError(
        "row_too_large",
        "A row is larger than what PostgreSQL can store of one: 8 kB, in which a long text counts 18 bytes "
        f"({error.diag.message_primary}). Store a plan with fewer columns.",
    )


def key_too_long(columns: Sequence[str] = ()) -> DataError:
    """What an index says of a value, in these columns if they are known."""
    which = f" ({', '.join(columns)})" if columns else ""
    return DataError(
        "key_too_long",
        f"A value of the key{which} is longer than the 2.7 kB that PostgreSQL can index. "
        "Choose other key columns, or a HASH of these.",
    )
