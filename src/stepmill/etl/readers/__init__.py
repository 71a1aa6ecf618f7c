"""Readers: a file's bytes become blocks of text columns, every record accounted for."""
