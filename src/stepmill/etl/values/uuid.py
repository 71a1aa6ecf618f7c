"""UUIDs as 16 bytes."""

import polars as pl

from stepmill.etl.values.parser import Problem, shown

CANONICAL = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_ALSO = r"^\{?[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\}?$"


def _sixteen_bytes(text: pl.Expr, pattern: str) -> pl.Expr:
    bare = text.str.replace_all("-", "", literal=True)
    if pattern == _ALSO:
        bare = bare.str.strip_chars("{}")
    return pl.when(text.str.contains(pattern)).then(bare).str.decode("hex", strict=False)


class UuidParser:
    """The canonical form of a UUID; also without hyphens or in braces."""

    dtype: pl.DataType = pl.Binary()

    def fast(self, text: pl.Expr) -> pl.Expr:
        """The canonical form."""
        return _sixteen_bytes(text, CANONICAL)

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """Never: the pattern is checked."""
        return None

    def full(self, text: pl.Series) -> pl.Series:
        """Hyphens and braces may be missing."""
        stripped = pl.col(text.name).str.strip_chars()
        return text.to_frame().select(_sixteen_bytes(stripped, _ALSO)).to_series()

    def explain(self, text: str) -> Problem:
        """Show what a UUID looks like."""
        return Problem("bad_uuid", f"{shown(text)} is not a UUID such as 123e4567-e89b-12d3-a456-426614174000.")
