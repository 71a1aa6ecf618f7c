"""Which parser reads the text of which type."""

from stepmill.etl.plan.types import LogicalType, TargetType
from stepmill.etl.values.boolean import BooleanParser
from stepmill.etl.values.double import DoubleParser
from stepmill.etl.values.integer import IntegerParser
from stepmill.etl.values.json import JsonParser
from stepmill.etl.values.numeric import NumericParser
from stepmill.etl.values.parser import ValueParser
from stepmill.etl.values.temporal import DateParser, TimeParser, TimestampParser
from stepmill.etl.values.text import TextParser
from stepmill.etl.values.uuid import UuidParser


def parser_of(target: TargetType, *, non_finite: bool = False) -> ValueParser:
    """The parser of a type. ``non_finite`` lets a double be NaN or infinite."""
    parsers: dict[LogicalType, ValueParser] = {
        LogicalType.BOOLEAN: BooleanParser(),
        LogicalType.INTEGER: IntegerParser(),
        LogicalType.NUMERIC: NumericParser(target.precision, target.scale),
        LogicalType.DOUBLE: DoubleParser(non_finite=non_finite),
        LogicalType.TEXT: TextParser(),
        LogicalType.DATE: DateParser(),
        LogicalType.TIME: TimeParser(),
        LogicalType.TIMESTAMP: TimestampParser(with_zone=False),
        LogicalType.TIMESTAMPTZ: TimestampParser(with_zone=True),
        LogicalType.UUID: UuidParser(),
        LogicalType.JSON: JsonParser(),
    }
    return parsers[target.logical]
