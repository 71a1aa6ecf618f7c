"""``python -m bench [PART…]``: measure all parts, or those named, and print a table for each.

A part is a module of this package with a ``TITLE`` and an ``async measure_rows()`` that gives its rows. Ends with 1 if
a bar is missed.
"""

import argparse
import asyncio
import importlib
import sys

from rich.console import Console

from bench.report import show

PARTS = ("engine", "load", "idle", "console")


def main() -> int:
    """Run the parts that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure how fast and how small Stepmill is.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)} (default: all)")
    parts = parser.parse_args().parts or PARTS
    for unknown in set(parts) - set(PARTS):
        parser.error(f"there is no part {unknown!r}; there are: {', '.join(PARTS)}")
    console = Console()
    reached = []
    for name in parts:
        part = importlib.import_module(f"bench.{name}")
        with console.status(f"Measuring: {part.TITLE} …"):
            rows = asyncio.run(part.measure_rows())
        reached.append(show(console, part.TITLE, rows))
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
