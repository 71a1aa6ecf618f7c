"""One process tree: how a server's processes are started, watched, restarted and ended."""
