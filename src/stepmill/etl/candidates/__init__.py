"""What a column's values could be: one file per candidate. Each looks at every value of the file, never at a sample."""
