"""A row that is larger than what PostgreSQL can store of one."""

import psycopg

from stepmill.errors import DataError


def row_too_large(error: psycopg.errors.ProgramLimitExceeded) -> DataError:
    """What a COPY says of such a row; of a key that is too long for its index, that."""
    if "index row" in str(error.diag.message_primary):
        return DataError(
            "key_too_long",
            "A value of the key is longer than the 2.7 kB that PostgreSQL can index. Choose other key columns, or a "
            "HASH of these.",
        )
    return DataError(
        "row_too_large",
        "A row is larger than what PostgreSQL can store of one: 8 kB, in which a long text counts 18 bytes "
        f"({error.diag.message_primary}). Store a plan with fewer columns.",
    )
