"""`python -m stepmill.cli`: how a server starts its workers, whatever the PATH says."""

from stepmill.cli.root import main

main()
