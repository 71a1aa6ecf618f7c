"""The worked examples of the load modes, loaded as the page on FILE_ETL has them."""

import re
from typing import cast

import pytest

from stepmill.client import Client, LoadMode
from tests.cli.processes import Serve
from tests.docs.pages import DOCS, section

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in section(DOCS / "jobs" / "file-etl.md", "Load modes").splitlines()
    if line.startswith("| ") and not line.startswith("| ---")
]
MODES: list[LoadMode] = [cast("LoadMode", mode.strip("`")) for mode in ROWS[0][1:]]


@pytest.mark.parametrize("mode", MODES)
def test_the_table_holds_what_the_page_says(server: Serve, mode: LoadMode) -> None:
    with server.connect() as client:
        keys = ["id"] if mode == "upsert" else None
        area = client.create_area("default", f"Modes: {mode}", load_mode=mode, key_columns=keys)
        for row in ROWS[1:]:
            file, lines = re.fullmatch(r"`([\w.]+)` with (.*)", row[0]).groups()  # type: ignore[union-attr]
            assert load(client, area["areaId"], file, lines) == sorted(row[1:][MODES.index(mode)].split(", "))


def load(client: Client, area_id: str, name: str, lines: str) -> list[str]:
    """Load a file of such rows. Answers the table's rows, in the page's words."""
    text = "id,letter\n" + "".join(f"{line.replace(' ', ',')}\n" for line in lines.split(", "))
    file = client.upload_file("default", area_id, text.encode(), name=name)
    job = client.start_job("FILE_ETL", {"fileId": file["fileId"], "areaId": area_id}, env_id="default")
    job = client.wait_for_job(job["jobId"])
    assert job["error"] is None
    assert job["result"] is not None
    rows = client.list_rows("default", job["result"]["physId"])["items"]
    return sorted(f"{row['id']} {row['letter']}" for row in rows)
