"""``python -m bench.loaders.dlt_csv default|best URL FILE TABLE``: load a CSV file with dlt, and print the seconds.

``default`` is as dlt's documentation begins: the ``filesystem`` source, ``read_csv`` and a pipeline. ``best`` is the
fastest that dlt has for PostgreSQL: Arrow tables, written as Parquet, which it loads by ADBC where that is installed.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow
import pyarrow.csv
from dlt.sources.filesystem import filesystem, read_csv

_BLOCK_BYTES = 16 * 1024**2


def _arrow_tables(file: Path) -> Iterator[pyarrow.Table]:
    options = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES)
    # Where Arrow's guess from the first block would be wrong: zeros in front, words after an empty start.
    types = {"postal_code": pyarrow.string(), "comment": pyarrow.string(), "session": pyarrow.string()}
    with pyarrow.csv.open_csv(file, options, convert_options=pyarrow.csv.ConvertOptions(column_types=types)) as reader:
        for batch in reader:
            yield pyarrow.Table.from_batches([batch])


def _load(way: str, url: str, file: Path, table: str) -> float:
    with tempfile.TemporaryDirectory(prefix="stepmill-bench-dlt-") as folder:
        pipeline = dlt.pipeline(
            f"bench_{table}",
            destination=dlt.destinations.postgres(url),
            dataset_name="dlt_bench",
            pipelines_dir=folder,
        )
        began = time.perf_counter()
        options: dict[str, Any] = {"table_name": table, "write_disposition": "replace"}
        if way == "best":
            pipeline.run(_arrow_tables(file), loader_file_format="parquet", **options)
        else:
            pipeline.run(filesystem(bucket_url=file.parent.as_uri(), file_glob=file.name) | read_csv(), **options)
        return time.perf_counter() - began


if __name__ == "__main__":
    print(_load(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]), flush=True)
