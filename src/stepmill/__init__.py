"""Stepmill: the job worker of a self-hosted data platform."""

__version__ = "0.1.0"
