"""The command line: `stepmill`.

Each command lives in a module of its own, imported only when that command runs, so that the program starts fast.
"""

from stepmill.cli.root import main

__all__ = ["main"]
