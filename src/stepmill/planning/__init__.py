"""Plans for sources: made by rules, and what a plan means for the table it fills."""
