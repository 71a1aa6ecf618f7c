"""The queues that are compared, one file each. Each has the three functions of :class:`bench.queues.run.Queue`.

A file is run in the virtual environment that its queue is installed in and imports nothing of the others.
"""
