"""Polluted CSV files with their clean truth, made by rules, and how much of the truth the readers get back."""
