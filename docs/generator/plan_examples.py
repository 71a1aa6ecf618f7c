"""Examples of each kind of mapping: a column of a plan, and source records. What comes out is computed, not written."""

from dataclasses import dataclass
from typing import Any

Records = tuple[dict[str, str | None], ...]


@dataclass(frozen=True)
class Example:
    """One column of a plan, as JSON data without its name, and the source's texts that it is shown with."""

    column: dict[str, Any]
    records: Records


def _texts(source: str, *values: str) -> Records:
    return tuple({source: value} for value in values)


EXAMPLES: dict[str, tuple[Example, ...]] = {
    "DIRECT": (
        Example({"type": "double", "source": "mass"}, _texts("mass", "12.5", " 3e2 ", "", "12,5")),
        Example({"type": "timestamptz", "source": "at"}, _texts("at", "2024-05-01T12:00:00+02:00", "2024-05-01 12:00")),
    ),
    "DATE_FORMAT": (
        Example(
            {
                "type": "date",
                "source": "born",
                "mapping": {"kind": "DATE_FORMAT", "formats": ["%d.%m.%Y", "%d.%m.%y"]},
            },
            _texts("born", "31.12.1999", "1.2.04", "31.02.2020"),
        ),
        Example(
            {
                "type": "timestamptz",
                "source": "at",
                "mapping": {"kind": "DATE_FORMAT", "formats": ["%d/%m/%Y %H:%M"], "timeZone": "Europe/Berlin"},
            },
            _texts("at", "01/07/2024 12:00", "31/03/2024 02:30", "27/10/2024 02:30"),
        ),
    ),
    "EPOCH": (
        Example(
            {"type": "timestamptz", "source": "at", "mapping": {"kind": "EPOCH", "unit": "milliseconds"}},
            _texts("at", "1714557600000", "-1", "soon"),
        ),
    ),
    "NUMBER_FORMAT": (
        Example(
            {
                "type": "numeric",
                "precision": 12,
                "scale": 2,
                "source": "price",
                "mapping": {
                    "kind": "NUMBER_FORMAT",
                    "decimal": ",",
                    "group": ".",
                    "suffixes": ["€"],
                    "parentheses": True,
                },
            },
            _texts("price", "1.234,50 €", "(7,99)", "1.23,50", "0,999"),
        ),
        Example(
            {
                "type": "double",
                "source": "share",
                "mapping": {"kind": "NUMBER_FORMAT", "suffixes": ["%"], "powerOfTen": -2},
            },
            _texts("share", "12.5 %", "100%"),
        ),
    ),
    "BOOLEAN_MAP": (
        Example(
            {
                "type": "boolean",
                "source": "paid",
                "mapping": {"kind": "BOOLEAN_MAP", "trueValues": ["ja", "J"], "falseValues": ["nein", "N"]},
            },
            _texts("paid", "Ja", "n", "vielleicht"),
        ),
    ),
    "ENUM_MAP": (
        Example(
            {
                "type": "text",
                "source": "state",
                "mapping": {"kind": "ENUM_MAP", "values": {"A": "active", "C": "closed", "?": None}},
            },
            _texts("state", "A", "?", "B"),
        ),
    ),
    "SPLIT": (
        Example(
            {
                "type": "text",
                "source": "route",
                "mapping": {"kind": "SPLIT", "separator": "-", "index": -1, "missing": "reject"},
            },
            _texts("route", "FRA-JFK", "FRA-LHR-JFK", ""),
        ),
        Example(
            {
                "type": "integer",
                "source": "size",
                "mapping": {"kind": "SPLIT", "separator": "x", "index": 1, "missing": "reject"},
            },
            _texts("size", "30x40", "30"),
        ),
    ),
    "REGEX_EXTRACT": (
        Example(
            {
                "type": "integer",
                "source": "title",
                "mapping": {"kind": "REGEX_EXTRACT", "pattern": r"\(([0-9]{4})\)$", "missing": "null"},
            },
            _texts("title", "Metropolis (1927)", "M"),
        ),
    ),
    "TRIM": (
        Example(
            {"type": "text", "source": "code", "mapping": {"kind": "TRIM", "side": "start", "characters": "0"}},
            _texts("code", "00712", "000"),
        ),
    ),
    "CASE": (
        Example(
            {
                "type": "text",
                "source": "email",
                "prepare": [{"kind": "TRIM"}],
                "mapping": {"kind": "CASE", "to": "lower"},
            },
            _texts("email", " Ada@Example.ORG"),
        ),
    ),
    "REPLACE": (
        Example(
            {
                "type": "text",
                "source": "phone",
                "mapping": {"kind": "REPLACE", "search": "[^0-9+]", "replacement": "", "regex": True},
            },
            _texts("phone", "+49 (30) 12-34", "none"),
        ),
    ),
    "JSON_PATH": (
        Example(
            {
                "type": "numeric",
                "scale": 2,
                "source": "payload",
                "mapping": {"kind": "JSON_PATH", "path": "$.items[0]['unit price']"},
            },
            _texts("payload", '{"items": [{"unit price": 9.90}]}', '{"items": []}', "{"),
        ),
    ),
    "UNIT_CONVERT": (
        Example(
            {
                "type": "double",
                "unit": "degC",
                "source": "temperature",
                "mapping": {"kind": "UNIT_CONVERT", "unitIn": "degF", "unitOut": "degC"},
            },
            _texts("temperature", "212", "mild"),
        ),
    ),
    "CONSTANT": (
        Example({"type": "text", "mapping": {"kind": "CONSTANT", "value": "warehouse 7"}}, ({"any": "whatever"},)),
    ),
    "CONCAT": (
        Example(
            {
                "type": "text",
                "mapping": {
                    "kind": "CONCAT",
                    "operands": [{"column": "first"}, {"column": "middle"}, {"column": "last"}],
                    "separator": " ",
                },
            },
            (
                {"first": "Ada", "middle": "King", "last": "Lovelace"},
                {"first": "Alan", "middle": "", "last": "Turing"},
            ),
        ),
    ),
    "JSON_OBJECT": (
        Example(
            {"type": "json", "mapping": {"kind": "JSON_OBJECT", "columns": ["size", "colour"]}},
            ({"size": "12", "colour": 'the "new" red'}, {"size": "", "colour": "blue"}, {"size": "", "colour": ""}),
        ),
    ),
    "COALESCE": (
        Example(
            {
                "type": "date",
                "mapping": {
                    "kind": "COALESCE",
                    "operands": [{"column": "shipped"}, {"column": "ordered"}, {"value": "1970-01-01"}],
                },
            },
            ({"shipped": "", "ordered": "2024-05-01"}, {"shipped": "", "ordered": ""}),
        ),
    ),
    "IF": (
        Example(
            {
                "type": "text",
                "mapping": {
                    "kind": "IF",
                    "condition": {"test": "greaterThan", "column": "age", "value": 17},
                    "then": {"value": "adult"},
                    "else": {"value": "minor"},
                },
            },
            ({"age": "44"}, {"age": "9"}, {"age": ""}),
        ),
    ),
    "LOOKUP": (
        Example(
            {
                "type": "integer",
                "mapping": {
                    "kind": "LOOKUP",
                    "columns": ["country", "kind"],
                    "rows": [{"key": ["DE", "food"], "value": 7}, {"key": ["DE", "other"], "value": 19}],
                },
            },
            ({"country": "DE", "kind": "food"}, {"country": "FR", "kind": "food"}),
        ),
    ),
    "HASH": (
        Example(
            {"type": "text", "mapping": {"kind": "HASH", "columns": ["source", "id"], "length": 16}},
            ({"source": "shop", "id": "17"}, {"source": "shop", "id": ""}),
        ),
    ),
    "ARITHMETIC": (
        Example(
            {
                "type": "numeric",
                "precision": 12,
                "scale": 2,
                "mapping": {
                    "kind": "ARITHMETIC",
                    "calculation": {
                        "operation": "multiply",
                        "left": {"column": "amount"},
                        "right": {"operation": "add", "left": {"value": 1}, "right": {"column": "tax"}},
                    },
                },
            },
            (
                {"amount": "100", "tax": "0.19"},
                {"amount": "100", "tax": ""},
                {"amount": "much", "tax": "0.19"},
            ),
        ),
    ),
}

WORKED_SOURCE = """\
Bestellung;Datum;Betrag;Status
0017;01.02.2024;1.250,00 €;A
0018;31.02.2024;99,90 €;A
0019;02.02.2024;12,50 €;Z
;03.02.2024;1,00 €;C
"""

WORKED_PLAN: dict[str, Any] = {
    "schemaVersion": 1,
    "source": {
        "format": "csv",
        "delimiter": ";",
        "headerRows": 1,
        "columns": ["Bestellung", "Datum", "Betrag", "Status"],
    },
    "columns": [
        {"name": "order_no", "logicalName": "Order", "type": "text", "source": "Bestellung", "nullable": False},
        {
            "name": "ordered_on",
            "logicalName": "Ordered on",
            "type": "date",
            "source": "Datum",
            "mapping": {"kind": "DATE_FORMAT", "formats": ["%d.%m.%Y"]},
        },
        {
            "name": "amount",
            "logicalName": "Amount",
            "type": "numeric",
            "precision": 12,
            "scale": 2,
            "unit": "EUR",
            "source": "Betrag",
            "mapping": {"kind": "NUMBER_FORMAT", "decimal": ",", "group": ".", "suffixes": ["€"]},
        },
        {
            "name": "state",
            "logicalName": "State",
            "type": "text",
            "source": "Status",
            "mapping": {"kind": "ENUM_MAP", "values": {"A": "active", "C": "closed"}},
            "onFailure": "nullValue",
        },
    ],
    "keyColumns": ["order_no"],
    "timeColumn": "ordered_on",
    "maxRejects": {"rows": 10, "share": 0.1},
}

WRONG_PLAN: dict[str, Any] = {
    "source": {"format": "csv", "delimiter": ";", "headerRows": 1, "columns": ["Datum"]},
    "columns": [
        {"name": "day", "type": "date", "source": "Datum", "mapping": {"kind": "DATE_FORMAT", "formats": ["%d.%m"]}},
        {"name": "hour", "type": "time", "source": "Zeit", "mapping": {"kind": "SQL", "text": "now()"}},
        {"name": "week", "type": "integer", "source": "Datum", "unti": "weeks"},
    ],
}
