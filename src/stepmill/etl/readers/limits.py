"""The readers' limits: what bounds their memory."""

BLOCK_BYTES = 4 * 1024 * 1024
"""About how much text makes one block. Larger blocks were not faster, and take more memory (measured in `csv.py`)."""

RECORD_BYTES = 1024 * 1024
"""A longer record is rejected: what is held in memory must not depend on a quote that nobody closes."""

REJECTS_PER_BLOCK = 5_000
"""A block ends early when it has this many, since each is a Python object with its text."""

RAW_CHARACTERS = 2_000
"""How much of a rejected record is shown."""

KEPT_CHARACTERS = 64 * 1024
"""How much of a rejected record is kept where it was too large to be taken whole."""
