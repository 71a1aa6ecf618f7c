"""Sample data that comes with the package; `README.md` beside this file names its source and licence."""

from importlib import resources
from pathlib import Path


def airports() -> Path:
    """The world's airports: a gzipped CSV of 5,210 rows and 18 columns."""
    return Path(str(resources.files(__name__) / "ourairports" / "airports.csv.gz"))
