"""The transform plan: how a source is read and what becomes of each of its columns. Data, never code."""
