"""Detection of files that a test gives as bytes."""

import fsspec

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.decoded import Decoding
from stepmill.etl.readers.detect import Detected, detect_for_plan, detect_source
from stepmill.gateways.blobs import BlobLocation

LOCATION = BlobLocation("memory://detecting")
DECODING = Decoding(BlobLocation("memory://detecting-text"))


def detect(data: bytes | str, name: str = "data.csv", encoding: str = "utf-8") -> Detected:
    """How the file is read."""
    store(data, encoding)
    return detect_source(LOCATION, name, DECODING)


def detect_further(
    data: bytes | str, planned: SourceFormat, needed: list[str], name: str = "data.csv", encoding: str = "utf-8"
) -> Detected:
    """How the file is read that comes after the one the plan was made for."""
    store(data, encoding)
    return detect_for_plan(LOCATION, name, DECODING, planned, needed)


def warnings_of(detected: Detected) -> list[str]:
    """Their codes."""
    return [finding.code for finding in detected.warnings]


def store(data: bytes | str, encoding: str) -> None:
    """Put the file at ``LOCATION``."""
    fsspec.filesystem("memory").pipe("/detecting", data.encode(encoding) if isinstance(data, str) else data)
