"""Pages that are made from the code are those that the code makes now."""

from pathlib import Path

import pytest
from docs.generator.pages import PAGES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_page_is_up_to_date(path: Path) -> None:
    assert path.read_text() == PAGES[path](), "run `make docs`"
