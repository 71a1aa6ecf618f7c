"""Previews look at the beginning of a file and at no more of it."""

import fsspec
import pytest

from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.sample import read_sample
from stepmill.gateways.blobs import BlobLocation

LOCATION = BlobLocation("memory://sample")
CSV = SourceFormat(format="csv", delimiter=",", quote='"', columns=("a", "b"))


def store(data: bytes) -> None:
    fsspec.filesystem("memory").pipe("/sample", data)


@pytest.mark.parametrize(("rows", "least", "most"), [(0, 0, 0), (1, 1, 60), (100, 100, 160), (2_000, 1_000, 1_000)])
def test_as_many_blocks_as_have_the_rows(rows: int, least: int, most: int) -> None:
    store(b"".join(b"%d,x\n" % number for number in range(1_000)))

    records = sum(block.records for block in read_sample(LOCATION, CSV, rows, block_bytes=256))

    assert least <= records <= most


def test_rejects_count_too() -> None:
    store(b"1\n" * 1_000)

    assert sum(block.records for block in read_sample(LOCATION, CSV, 10, block_bytes=256)) < 200


def test_json_is_sampled_before_its_end_is_looked_at() -> None:
    store(b"[" + b'{"a": 1},\n' * 1_000)

    (block,) = read_sample(LOCATION, SourceFormat(format="json"), 10, block_bytes=256)

    assert block.frame.columns == ["a"]
