"""Texts that often stand for no value. They are taken so only in a column whose other values have a type."""

NULL_WORDS = frozenset(
    {
        *("NULL", "Null", "null", "(null)", "<null>", "[null]", "\\N", "nil", "NIL", "Nil"),
        *("NA", "N/A", "n/a", "na", "N.A.", "n.a.", "<NA>", "#N/A", "#NA", "nan", "NaN", "NAN", "NaT"),
        *("None", "none", "NONE", "-", "--", "---", "\u2013", "\u2014", "?", "??", ".", "..", "…", "*", "/"),
        *("#VALUE!", "#REF!", "#DIV/0!", "#NUM!", "#NAME?", "#NULL!", "#ERROR!"),
        *("missing", "Missing", "MISSING", "unknown", "Unknown", "UNKNOWN", "k.A.", "k. A."),
        *("0000-00-00", "0000-00-00 00:00:00", "00.00.0000", "00/00/0000"),
    }
)
