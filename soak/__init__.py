"""Loads without end, while everything that they need is killed and frozen at random: `python -m soak`."""
