"""The states of a job that more than one module speaks of."""

TERMINAL = ("DONE", "ERROR", "CANCELLED")
"""A job in one of these is at rest."""
