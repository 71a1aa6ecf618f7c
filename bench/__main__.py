"""``python -m bench [--write] [PART…]``: measure all parts, or those named, and print a table for each.

A part is a module of this package with a ``TITLE`` and an ``async measure_rows()`` that gives its rows; one whose table
has several columns of figures names them in ``COLUMNS``. ``--write`` keeps the comparison with the peers as
``docs/benchmarks.md``. Ends with 1 if a bar is missed.
"""

import argparse
import asyncio
import importlib
import io
import logging
import os
import sys

from rich.console import Console

import stepmill.logs
from bench.peer_page import write_page
from bench.report import show

PARTS = ("engine", "peers", "submissions", "readers", "backlog", "load", "upsert", "files", "idle", "console")


def main() -> int:
    """Run the parts that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure how fast and how small Stepmill is.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md from the part peers")
    given = parser.parse_args()
    parts = given.parts or PARTS
    for unknown in set(parts) - set(PARTS):
        parser.error(f"there is no part {unknown!r}; there are: {', '.join(PARTS)}")
    console = Console()
    _log_to_nowhere()
    reached = []
    for name in parts:
        part = importlib.import_module(f"bench.{name}")
        os.sync()  # what the part before it left to be written is not this one's
        with console.status(f"Measuring: {part.TITLE} …"):
            rows = asyncio.run(part.measure_rows())
        columns = getattr(part, "COLUMNS", ("measured",))
        reached.append(show(console, part.TITLE, rows, columns))
        if given.write and name == "peers":
            write_page(part.TITLE, rows, columns)
    return 0 if all(reached) else 1


def _log_to_nowhere() -> None:
    """As a worker logs, so that it is measured with what that costs."""
    stepmill.logs.configure("info", "json")
    nowhere = io.TextIOWrapper(io.FileIO(os.devnull, "w"))
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(nowhere)


if __name__ == "__main__":
    sys.exit(main())
