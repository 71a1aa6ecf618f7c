"""Parsers of text into typed values: exact, or no value at all. One file per type."""
