"""What is said of a file from which no plan can be made."""

from typing import Any

import fsspec
import pytest

from stepmill.errors import DataError
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.examine import examine_file

LOCATION = BlobLocation("memory://examined")
TEXT = BlobLocation("memory://examined-text")


class Silent:
    """A reporter that keeps nothing."""

    def progress(self, done: float, total: float | None = None, unit: str = "rows", message: str | None = None) -> None:
        """Not told to anyone."""

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Not told to anyone."""


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "a.csv",
            b"id,name\n",
            "The file has a header ('id', 'name') and no rows, so its columns' types can't be told.",
        ),
        ("a.json", b"[]", "The file has no records, so its columns' types can't be told."),
        ("a.csv", b'id,name\n1,"x\n', "The file's only record can't be read as a row, so"),
        ("a.csv", b'id,name\n1,"y\n3,"x\n', "None of the file's 2 records can be read as a row, so"),
    ],
)
def test_a_file_without_rows_is_refused_in_words_that_fit_it(name: str, data: bytes, message: str) -> None:
    fsspec.filesystem("memory").pipe("/examined", data)

    with pytest.raises(DataError) as caught:
        examine_file(Silent(), LOCATION, name, TEXT)

    assert caught.value.code == "no_rows"
    assert caught.value.message.startswith(message)
