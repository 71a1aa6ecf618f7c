"""Measurements: how fast and how small Stepmill is, as ratios to what one could use instead, in the same run."""
